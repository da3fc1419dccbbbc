"""How a process ended, in numbers and in words."""

from __future__ import annotations

import signal as _signal

from msgspec import Struct

# NTSTATUS values that end Windows processes; MS-ERREF 2.3.1, and .NET's own 0xE0434352 ("CCR").
_NTSTATUS = {
    0x40010004: "terminated by a debugger",
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction",
    0xC0000094: "integer division by zero",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000139: "an entry point was not found in a DLL",
    0xC000013A: "ended by Ctrl+C",
    0xC0000142: "a DLL failed to initialise",
    0xC0000374: "heap corruption",
    0xC0000409: "stack buffer overrun or fast fail",
    0xC0000602: "the process failed fast (Environment.FailFast)",
    0xE0434352: "unhandled .NET exception",
}
# Exit codes that shells and container tools give a meaning; POSIX 2.8.2.
_POSIX_CODES = {126: "found, but not executable", 127: "command not found"}


class ExitStatus(Struct, frozen=True):
    """The end of a process.

    Attributes:
        code: its exit code; on Windows the unsigned 32-bit NTSTATUS; None where a signal ended it or nobody knows.
        signal: the signal that ended it, POSIX only, else None.
        core_dumped: whether the system wrote a core file.
    """

    code: int | None = None
    signal: int | None = None
    core_dumped: bool = False

    @property
    def known(self) -> bool:
        """Whether anybody saw how it ended (not so when the guardian was killed with it)."""
        return self.code is not None or self.signal is not None

    @property
    def clean(self) -> bool:
        """Exit code 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """One phrase for people."""
        if self.signal is not None:
            return f"killed by {signal_name(self.signal)}{' (core dumped)' if self.core_dumped else ''}"
        if self.code is None:
            return "ended, status unknown"
        if self.code in _NTSTATUS:
            return f"exit code 0x{self.code:08X}: {_NTSTATUS[self.code]}"
        if self.code > 0xFFFF:
            return f"exit code 0x{self.code:08X}"
        meaning = _POSIX_CODES.get(self.code)
        return f"exit code {self.code}{f': {meaning}' if meaning else ''}"


UNKNOWN = ExitStatus()


def signal_name(number: int) -> str:
    """The name of a signal, e.g. ``SIGKILL (9)``."""
    try:
        return f"{_signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"


def from_wait_status(status: int) -> ExitStatus:
    """Decodes a POSIX wait status, the low 16 bits that waitpid gives (POSIX does not fix the layout; every Unix uses this one)."""
    number = status & 0x7F
    if number:
        return ExitStatus(signal=number, core_dumped=bool(status & 0x80))
    return ExitStatus(code=(status >> 8) & 0xFF)


def from_windows(code: int) -> ExitStatus:
    """From a Windows exit code, which may arrive as a negative 32-bit number."""
    return ExitStatus(code=code & 0xFFFF_FFFF)
