"""The system below everything but its processes: one module a subject, each with one signature for all systems."""

import sys
import time

SYSTEM: str = sys.platform
"""``linux``, ``darwin`` or ``win32``, as Node says it too. To report, or to hand to a pure function."""


def monotonic_through_sleep() -> float:
    """Monotonic seconds that go on while the machine sleeps, unlike the loop's on Linux and macOS (clock_gettime)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def awake_time() -> float:
    """The event loop's clock, which stands still while the machine sleeps."""
    if sys.platform == "win32":
        from ..windows import win32

        return win32.awake_time()
    return time.monotonic()


def as_utf8(output: bytes) -> bytes:
    """What a program printed, as UTF-8; elsewhere than on Windows a few write UTF-16, as the system's own tools do there."""
    if SYSTEM == "win32":
        return b"\n".join(map(line_as_utf8, output.split(b"\n")))
    return b"\n".join(map(_line_of_wide, output.split(b"\n"))) if b"\0" in output else output


def _line_of_wide(line: bytes) -> bytes:
    return line_as_utf8(line, "utf-8") if b"\0" in line else line


def line_as_utf8(line: bytes, code_page: str = "oem") -> bytes:
    """A line of Windows' programs as UTF-8: wsl.exe writes UTF-16 even to a pipe, .NET and the system's tools the console's code page."""
    if b"\0" in line:
        wide = line[line.startswith(b"\0") :].removeprefix(b"\xff\xfe")  # after the second byte of the line end before
        if wide.endswith(b"\r\0") or wide[1::2].count(0) * 4 > len(wide):
            line = wide[: len(wide) // 2 * 2].decode("utf-16-le", "replace").encode("utf-8", "replace")
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode(code_page, "replace").encode()
    return line
