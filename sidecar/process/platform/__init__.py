"""Everything platform-specific except processes: one module per subject, with the same functions on all systems."""

import sys
import time

SYSTEM: str = sys.platform
"""``linux``, ``darwin`` or ``win32``, as in Node. For reports, and as an argument of pure functions."""


def monotonic_through_sleep() -> float:
    """Returns monotonic seconds that go on while the machine sleeps, unlike the loop's clock (clock_gettime)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def awake_time() -> float:
    """Returns the event loop's clock in seconds, which stands still while the machine sleeps."""
    if sys.platform == "win32":
        from ..windows import win32

        return win32.awake_time()
    return time.monotonic()


def as_utf8(output: bytes) -> bytes:
    """Converts a program's output to UTF-8; a few programs write UTF-16 on other systems too, as Windows' own tools do."""
    if SYSTEM == "win32":
        return b"\n".join(map(line_as_utf8, output.split(b"\n")))
    return b"\n".join(map(_line_of_wide, output.split(b"\n"))) if b"\0" in output else output


def _line_of_wide(line: bytes) -> bytes:
    return line_as_utf8(line, "utf-8") if b"\0" in line else line


def line_as_utf8(line: bytes, code_page: str = "oem") -> bytes:
    """Converts a line to UTF-8: wsl.exe writes UTF-16 even to a pipe, .NET and the system's tools write the console's code page."""
    if b"\0" in line:
        wide = line[line.startswith(b"\0") :].removeprefix(b"\xff\xfe")  # skips the second byte of the last line end
        if wide.endswith(b"\r\0") or wide[1::2].count(0) * 4 > len(wide):
            line = wide[: len(wide) // 2 * 2].decode("utf-16-le", "replace").encode("utf-8", "replace")
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode(code_page, "replace").encode()
    return line
