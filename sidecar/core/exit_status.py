"""How a process ended, in numbers and in words."""

from __future__ import annotations

import signal as _signal

from msgspec import Struct

# Exit code → what it says, and the kind of end that it is (ExitStatus.kind). NTSTATUS values are from MS-ERREF 2.3.1, .NET's
# from its corerror.h and docs/design/features/host-error-codes.md, Visual C++'s from KB 185294, the shell's from POSIX 2.8.2.
_CODES = {
    126: ("found, but not executable", "not_executable"),
    127: ("command not found", "command_missing"),
    9009: ("command not found", "command_missing"),  # cmd.exe, and the Store's placeholder for python.exe
    0x40010004: ("terminated by a debugger", "terminated"),
    0x40010005: ("ended by Ctrl+C", "terminated"),
    0x40010008: ("ended by Ctrl+Break", "terminated"),
    0x40000015: ("the program aborted", "aborted"),
    0x80000003: ("a breakpoint or failed assertion", "aborted"),
    0x80008083: ("the .NET runtime is missing", "runtime_missing"),
    0x80008096: ("the .NET framework is missing", "runtime_missing"),
    0x80131506: ("internal error of the .NET runtime", "native_crash"),
    0x80131623: ("the process failed fast (Environment.FailFast)", "failfast"),
    0xC0000005: ("access violation", "native_crash"),
    0xC0000006: ("a file of the program, or one it had mapped, can no longer be read", "native_crash"),
    0xC0000017: ("out of memory", "memory"),
    0xC000001D: ("illegal instruction", "illegal_instruction"),
    0xC0000022: ("access to a DLL was denied", "library_missing"),
    0xC000007B: ("a DLL was built for another processor, or is damaged", "library_missing"),
    0xC0000094: ("integer division by zero", "native_crash"),
    0xC0000096: ("privileged instruction", "illegal_instruction"),
    0xC00000FD: ("stack overflow", "overflow"),
    0xC000012D: ("out of memory (paging file)", "memory"),
    0xC0000135: ("a DLL was not found", "library_missing"),
    0xC0000138: ("a function was not found in a DLL", "library_missing"),
    0xC0000139: ("an entry point was not found in a DLL", "library_missing"),
    0xC000013A: ("ended by Ctrl+C", "terminated"),
    0xC0000142: ("a DLL failed to initialise", "library_missing"),
    0xC0000374: ("heap corruption", "native_crash"),
    0xC0000409: ("stack buffer overrun or fast fail", "failfast"),
    0xC0000417: ("invalid parameter of a C runtime function", "native_crash"),
    0xC000041D: ("an exception in a callback of the system", "native_crash"),
    0xC0000602: ("the process failed fast (Environment.FailFast)", "failfast"),
    0xC06D007E: ("a DLL was not found", "library_missing"),  # delayimp.h: of a delay-loaded one
    0xC06D007F: ("an entry point was not found in a DLL", "library_missing"),
    0xE0434352: ("unhandled .NET exception", "exception"),
    0xE06D7363: ("unhandled C++ exception", "aborted"),
}
# The numbers that are the same on every Unix; SIGBUS and SIGSYS are not.
_SIGNALS = {
    **dict.fromkeys((1, 2, 3, 15), "terminated"),
    **dict.fromkeys((8, 11, int(getattr(_signal, "SIGBUS", -1))), "native_crash"),
    **dict.fromkeys((5, 6), "aborted"),
    **dict.fromkeys((24, 25), "limit"),
    4: "illegal_instruction",
    9: "killed",
}


class ExitStatus(Struct, frozen=True):
    """The end of a process."""

    code: int | None = None  # on Windows the unsigned 32-bit NTSTATUS; None where a signal ended it or that is unknown
    signal: int | None = None  # the signal that ended it, POSIX only, else None
    core_dumped: bool = False  # whether the system wrote a core file

    @property
    def known(self) -> bool:
        """Whether it was seen how it ended (not when the guardian was killed with it)."""
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
        meaning = _CODES.get(self.code, ("",))[0]
        number = f"0x{self.code:08X}" if self.code > 0xFFFF else str(self.code)
        return f"exit code {number}{f': {meaning}' if meaning else ''}"

    @property
    def kind(self) -> str | None:
        """A stable name of what ended it, such as ``native_crash``; None for a status that only the program can explain."""
        if self.signal is not None:
            return _SIGNALS.get(self.signal, "signal")
        if self.code is None:
            return "unknown"
        if self.code in _CODES:
            return _CODES[self.code][1]
        # A launcher reports its program's signal so: a shell, or a container (POSIX 2.8.2).
        if 128 < self.code < 160:
            return _SIGNALS.get(self.code - 128)
        # And a Python program that exits with the returncode of a subprocess, such as Werkzeug's reloader; 255 to 253 are errors.
        return _SIGNALS[256 - self.code] if 256 - self.code in {6, 9, 11, 15} else None


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
