"""How a process ended, in numbers and in words."""

import signal as _signal

from msgspec import Struct

# Words, kind of end (ExitStatus.kind), exit codes. NTSTATUS values are from MS-ERREF 2.3.1, .NET's from its corerror.h and
# docs/design/features/host-error-codes.md, Visual C++'s from KB 185294, the shell's from POSIX 2.8.2; those of Windows PowerShell
# (0xFFFD0000, 0xFFFE0000) are constants of its ConsoleHost.
_ENDS = (
    ("found, but not executable", "not_executable", 126),
    ("command not found", "command_missing", 127, 9009),  # 9009: cmd.exe, and the Store's placeholder for python.exe
    ("unhandled Delphi exception", "aborted", 0x0EEDFADE),
    ("terminated by the end of the session or by a debugger", "terminated", 0x40010004),  # DBG_TERMINATE_PROCESS
    ("started while the session was ending", "terminated", 0xC000026B),
    ("ended by Ctrl+C, or with its console", "terminated", 0x40010005, 0xC000013A),
    ("ended by Ctrl+Break", "terminated", 0x40010008, 0xFFFE0000),
    ("the program aborted", "aborted", 0x40000015),
    ("invalid memory access", "native_crash", 0x80000001, 0x80000002),
    ("a breakpoint or failed assertion", "aborted", 0x80000003, 0x80000004, 0xC0000420),
    ("the .NET runtime is missing", "runtime_missing", 0x80008082, 0x80008083),
    ("the .NET runtime is incomplete", "runtime_missing", 0x80008087, 0x8000808E),
    ("the .NET runtime could not be initialised", "runtime_unusable", 0x80008089),
    ("files of the .NET program are missing or damaged", "incomplete", 0x8000808C, 0x80008093, 0x80008094),
    ("the .NET SDK is missing", "runtime_missing", 0x80008091),
    ("the .NET framework is missing", "runtime_missing", 0x80008096, 0x8000809C),
    ("the .NET program could not unpack itself", "bundle_unusable", 0x8000809F, 0x800080A0),
    ("internal error of the .NET runtime", "native_crash", 0x80131506),
    ("access violation", "native_crash", 0xC0000005),
    ("a file of the program, or one it had mapped, can no longer be read", "native_crash", 0xC0000006),
    ("invalid handle", "native_crash", 0xC0000008),
    # The last one: partition_alloc/oom.h of Chromium and Electron
    ("out of memory", "memory", 0x8007000E, 0xC0000017, 0xC000009A, 0xE0000008),
    ("illegal instruction", "illegal_instruction", 0xC000001D),
    (
        "a DLL was built for another processor, or is damaged",
        "library_missing",
        0xC0000020,
        0xC000007B,
        0xC000012F,
        0xC0000221,
    ),
    ("access to a DLL was denied", "library_missing", 0xC0000022),
    ("an exception from which the program could not recover", "native_crash", 0xC0000025, 0xC0000026),
    ("array bounds exceeded", "native_crash", 0xC000008C),
    ("floating-point error", "native_crash", *range(0xC000008D, 0xC0000094)),
    ("integer division by zero", "native_crash", 0xC0000094),
    ("integer overflow", "native_crash", 0xC0000095),
    ("privileged instruction", "illegal_instruction", 0xC0000096),
    ("stack overflow", "overflow", 0x800703E9, 0xC00000FD),
    ("out of memory (paging file)", "memory", 0xC000012D),
    ("a function was not found in a DLL", "library_missing", 0xC0000138),
    ("a DLL failed to initialise", "library_missing", 0xC0000142),
    ("a deadlock", "native_crash", 0xC0000194),
    (
        "a policy forbids one of its files",
        "blocked",
        *range(0xC0000361, 0xC0000365),
        0xC0E90002,
        0x800704EC,
        0x800711C7,
    ),
    ("Smart App Control blocked one of its files", "blocked", *range(0xC0E90007, 0xC0E9000F)),
    ("heap corruption", "native_crash", 0xC0000374),
    ("stack buffer overrun or fast fail", "failfast", 0xC0000409),
    ("invalid parameter of a C runtime function", "native_crash", 0xC0000417),
    ("an exception in a callback of the system", "native_crash", 0xC000041D),
    ("the signature of one of its files is invalid", "blocked", 0xC0000428, 0xC0000603),
    ("the process failed fast (Environment.FailFast)", "failfast", 0x80131623, 0xC0000602),
    ("an antivirus blocked one of its files", "blocked", 0xC0000906, 0xC0000907, 0x800700E1, 0x800700E2),
    ("the side-by-side configuration of a DLL is wrong", "library_missing", 0xC0150002),
    # The last of each: for a delay-loaded DLL (delayimp.h)
    ("a DLL was not found", "library_missing", 0x8007007E, 0xC0000135, 0xC06D007E),
    ("an entry point was not found in a DLL", "library_missing", 0xC0000139, 0xC06D007F),
    ("ended by the user because its window did not respond", "terminated", 0xCFFFFFFF),
    ("unhandled .NET exception", "exception", 0xE0434352, 0xE0434F4D),  # the second: before .NET 4
    ("unhandled C++ exception", "aborted", 0xE06D7363),
    ("PowerShell found no such script, or does not know an argument", "argument", 0xFFFD0000),
)
_CODES: dict[int, tuple[str, str]] = {code: (text, kind) for text, kind, *codes in _ENDS for code in codes}
# From here on, a Windows exit code is a small negative number that the program returned, such as npm's -4058: libuv's errors
# (uv/errno.h) go down to -4095.
_NEGATIVE = 0xFFFF_F000
_HRESULT_OF_WIN32 = 0x8007  # the upper half of an HRESULT that wraps an error of Windows (MS-ERREF 2.1.2)
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
    """How a process ended."""

    code: int | None = None  # on Windows the unsigned 32-bit NTSTATUS; None if a signal ended it, or if unknown
    signal: int | None = None  # the signal that ended it, POSIX only, else None
    core_dumped: bool = False  # whether the system wrote a core file

    @property
    def known(self) -> bool:
        """Whether its status was seen (it is not when the guardian was killed too)."""
        return self.code is not None or self.signal is not None

    @property
    def clean(self) -> bool:
        return self.code == 0

    @property
    def text(self) -> str:
        if self.signal is not None:
            return f"killed by {signal_name(self.signal)}{' (core dumped)' if self.core_dumped else ''}"
        if self.code is None:
            return "ended, status unknown"
        meaning = _CODES.get(self.code, ("",))[0]
        if not meaning and self.code >> 16 == _HRESULT_OF_WIN32:
            meaning = f"Windows error {self.code & 0xFFFF}"
        number = f"0x{self.code:08X}" if 0xFFFF < self.code < _NEGATIVE else str(self.code)
        if self.code >= _NEGATIVE:
            number = str(self.code - 0x1_0000_0000)
        return f"exit code {number}{f': {meaning}' if meaning else ''}"

    @property
    def kind(self) -> str | None:
        """A stable name for what ended it, such as ``native_crash``; None for a status that only the program can explain."""
        if self.signal is not None:
            return _SIGNALS.get(self.signal, "signal")
        if self.code is None:
            return "unknown"
        if self.code in _CODES:
            return _CODES[self.code][1]
        # A launcher, such as a shell or a container, reports its program's signal like this (POSIX 2.8.2).
        if 128 < self.code < 160:
            return _SIGNALS.get(self.code - 128)
        # So does a Python program that exits with a subprocess's returncode, such as Werkzeug's reloader; 255 to 253 are errors.
        # A manager of several workers itself sends SIGTERM to the rest when one was killed (Hypercorn).
        number = 256 - self.code
        return "worker_ended" if number == 15 else _SIGNALS[number] if number in {6, 9, 11} else None


UNKNOWN = ExitStatus()


def signal_name(number: int) -> str:
    try:
        return f"{_signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"


def from_wait_status(status: int) -> ExitStatus:
    """Decodes a POSIX wait status, the low 16 bits that waitpid returns (POSIX does not define the layout; every Unix uses this one)."""
    number = status & 0x7F
    if number:
        return ExitStatus(signal=number, core_dumped=bool(status & 0x80))
    return ExitStatus(code=(status >> 8) & 0xFF)


def from_windows(code: int) -> ExitStatus:
    """Decodes a Windows exit code, which may arrive as a negative 32-bit number."""
    return ExitStatus(code=code & 0xFFFF_FFFF)
