"""Single keys as they are pressed, from whatever stdin is, and the terminal as it was found when that is over."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..argv import has_terminal

KeyListener = Callable[[str], None]

_CONSOLE_POLL = 0.05  # seconds: nobody notices it, and Windows' consoles have nothing that a loop could wait for
_ESCAPE = "\x1b"
_SEQUENCES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\x1b])"  # ECMA-48 control sequences, SS3, and Alt


@contextmanager
def pressed_keys(on_key: KeyListener) -> Iterator[bool]:
    """While it lasts, ``on_key`` is told each key, in lower case, on the running loop's thread.

    Keys come from a terminal, or from a pipe, so that scripts can press them; the end of a pipe only means that no more
    come. Anything else (a file, the null device) gives none. Ctrl+C stays the system's own. Yields whether a person is
    at the keys.
    """
    if sys.platform == "win32":
        if has_terminal():
            with _windows_console(on_key):
                yield True
            return
    elif os.isatty(0):
        if not _in_foreground():
            yield False
            return
        with _posix_terminal(on_key):
            yield True
        return
    if _is_pipe():
        _read_pipe(on_key)
    yield False


def keys_in(data: bytes) -> list[str]:
    """The keys in one read, without arrow and function keys and what was pressed with Alt: they mean nothing here."""
    text = re.sub(_SEQUENCES, "", data.decode("utf-8", "ignore")).lower()
    return [key for key in text if key.isprintable() or key == _ESCAPE]


def _is_pipe() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:  # closed by whoever started us
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _read_pipe(on_key: KeyListener) -> None:
    """By a daemon thread on every platform: only it can wait for a pipe on Windows, and it ends with the process."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            while data := os.read(0, 64):
                for key in keys_in(data):
                    loop.call_soon_threadsafe(on_key, key)
        except (OSError, RuntimeError):  # the other side broke off, or our loop is closed already
            pass

    threading.Thread(target=read, name="keys", daemon=True).start()


if sys.platform != "win32":

    def _in_foreground() -> bool:
        """False in the background, where touching the terminal would stop us (SIGTTOU), and for the terminal of another session."""
        try:
            return os.tcgetpgrp(0) == os.getpgrp()
        except OSError:  # ENOTTY
            return False

    @contextmanager
    def _posix_terminal(on_key: KeyListener) -> Iterator[None]:
        """Without echo and line editing. Ctrl+Z is off: the terminal would be the shell's in the state that we want."""
        import termios

        loop = asyncio.get_running_loop()
        before = termios.tcgetattr(0)
        raw = termios.tcgetattr(0)
        raw[3] &= ~(termios.ECHO | termios.ICANON)  # the local flags
        characters = raw[6]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        characters[termios.VSUSP] = os.fpathconf(0, "PC_VDISABLE").to_bytes(1, "big")

        def read() -> None:
            try:
                data = os.read(0, 64)
            except OSError:  # EIO: the terminal is gone
                data = b""
            if not data:
                loop.remove_reader(0)
            for key in keys_in(data):
                on_key(key)

        termios.tcsetattr(0, termios.TCSADRAIN, raw)
        try:
            loop.add_reader(0, read)
            try:
                yield
            finally:
                loop.remove_reader(0)
        finally:
            try:
                termios.tcsetattr(0, termios.TCSADRAIN, before)
            except termios.error:  # the terminal is gone
                pass

else:

    @contextmanager
    def _windows_console(on_key: KeyListener) -> Iterator[None]:
        """Reads with getwch, which echoes nothing and changes no mode that would have to be restored."""
        import msvcrt

        loop = asyncio.get_running_loop()

        async def read() -> None:
            while True:
                while msvcrt.kbhit():
                    key = msvcrt.getwch()
                    if key in "\x00\xe0":  # a function or arrow key: its code follows
                        msvcrt.getwch()
                    elif key == "\x03":  # getwch takes Ctrl+C for a key like any other
                        signal.raise_signal(signal.SIGINT)
                    else:
                        on_key(key.lower())
                await asyncio.sleep(_CONSOLE_POLL)

        task = loop.create_task(read())
        try:
            yield
        finally:
            task.cancel()
