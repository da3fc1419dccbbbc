"""Reads single keys from the terminal at stdin, and restores the terminal afterwards."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt

    _POLL_INTERVAL = 0.05  # seconds: imperceptible; a loop cannot wait for a Windows console

    # Key codes of the movement keys → the sequences that terminals elsewhere send.
    _SEQUENCES = {
        code: f"\x1b[{end}".encode()
        for code, end in {"H": "A", "P": "B", "G": "H", "O": "F", "I": "5~", "Q": "6~"}.items()
    }

    def in_foreground() -> bool:
        return True

    @contextmanager
    def read_keys(on_data: Callable[[bytes], None]) -> Iterator[None]:
        # getwch does not echo, and changes no mode that would have to be restored.
        async def read() -> None:
            while True:
                while msvcrt.kbhit():
                    key = msvcrt.getwch()
                    if key in "\x00\xe0":  # a function or arrow key: its code follows
                        on_data(_SEQUENCES.get(msvcrt.getwch(), b""))
                    elif key == "\x03":  # getwch returns Ctrl+C like any other key
                        signal.raise_signal(signal.SIGINT)
                    else:
                        on_data(key.encode("utf-8", "ignore"))
                await asyncio.sleep(_POLL_INTERVAL)

        task = asyncio.get_running_loop().create_task(read())
        try:
            yield
        finally:
            task.cancel()

else:

    def in_foreground() -> bool:
        """Whether we may use the terminal: not in the background, where that would stop us (SIGTTOU), nor if it is another session's."""
        try:
            return os.tcgetpgrp(0) == os.getpgrp()
        except OSError:  # ENOTTY
            return False

    @contextmanager
    def read_keys(on_data: Callable[[bytes], None]) -> Iterator[None]:
        """Context manager that reports what is typed, in UTF-8, on the running loop's thread, without echo or line editing."""
        # Ctrl+C keeps its effect. Ctrl+Z is disabled: it would return the terminal to the shell in our mode.
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
            on_data(data)

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
