"""Reads single keys from the terminal at stdin, and restores the terminal afterwards."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt
    from ctypes import WinDLL, byref, c_void_p, create_string_buffer, create_unicode_buffer
    from struct import Struct

    from ..windows import win32

    _POLL_INTERVAL = 0.05  # seconds: imperceptible; a loop cannot wait for a Windows console

    # Virtual-key codes of winuser.h → the sequences that terminals elsewhere send
    _SEQUENCES = {0x21: "5~", 0x22: "6~", 0x23: "F", 0x24: "H", 0x26: "A", 0x28: "B"}
    # INPUT_RECORD with a KEY_EVENT_RECORD: type, whether down, repetitions, key, scan code, character, modifiers
    _RECORD = Struct("@HiHHHHI")
    _KEY_EVENT = 1

    def in_foreground() -> bool:
        return True

    def draws_any_character() -> bool:
        # The classic console has only the characters of its font, by default Consolas, which lacks most blocks and the round
        # corners (microsoft/terminal#219, #387; Textualize/textual#1285). In any terminal the console's window is of this class.
        name = create_unicode_buffer(32)
        WinDLL("user32").GetClassNameW(c_void_p(win32.GetConsoleWindow()), name, len(name))
        return name.value == "PseudoConsoleWindow"

    @contextmanager
    def read_keys(on_data: Callable[[bytes], None]) -> Iterator[None]:
        # Not msvcrt.getwch: after "à" it waits for the next key, because it begins arrow keys with that character too.
        handle = msvcrt.get_osfhandle(0)
        record, count = create_string_buffer(_RECORD.size), win32.DWORD()

        async def read() -> None:
            while True:
                while win32.GetNumberOfConsoleInputEvents(handle, byref(count)) and count.value:
                    win32.ReadConsoleInput(handle, record, 1, byref(count))
                    kind, is_down, times, key, _scan_code, character, _modifiers = _RECORD.unpack(record)
                    if kind == _KEY_EVENT and is_down:
                        typed = f"\x1b[{_SEQUENCES[key]}" if key in _SEQUENCES else chr(character) if character else ""
                        on_data(times * typed.encode("utf-8", "ignore"))
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

    def draws_any_character() -> bool:
        """Whether the terminal takes a character that its font lacks from another font."""
        return True

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
