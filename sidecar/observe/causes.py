"""Why did it die? A guess from what the backend said and how it ended. Pure.

Signals and statuses alone mislead: a managed .NET crash on Linux is always signal 6, whatever the cause. So the text
decides where there is one, and the status where the text cannot know (a SIGKILL leaves no last words).
"""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

from ..core.exit_status import ExitStatus, signal_name
from .cause_table import ROWS, Row
from .fatal import Fatal, find

LAST_WORDS = 16 * 1024  # characters: without a fatal error, an older line explains nothing any more

_REPORT = "The crash report holds its last output; pass it on to the maker of the backend."
_FATAL_WORDS = {
    "dotnet": "an unhandled .NET exception",
    "failfast": "a failure that .NET cannot survive (FailFast)",
    "overflow": "a stack overflow",
    "python": "a Python exception",
    "java": "a Java exception",
    "go": "a Go panic",
    "rust": "a Rust panic",
    "cpp": "an uncaught C++ exception",
    "node": "an uncaught JavaScript error",
}


class Cause(NamedTuple):
    """A guess.

    Attributes:
        cause: one sentence: what went wrong.
        remedy: what the user can do about it.
        kind: a stable name of it, e.g. "port_in_use".
    """

    cause: str
    remedy: str
    kind: str


_NATIVE = Cause("The backend crashed in native code (invalid memory access).", "Update drivers and the native libraries that the backend uses (graphics, video); " + _REPORT[0].lower() + _REPORT[1:], "native_crash")  # fmt: skip
_KILLED = Cause("The backend was killed from outside: most often by the system because memory ran out, else by a user or another program.", "Close other programs or raise the memory limit of the container; look into the system's log for the out-of-memory killer.", "killed")  # fmt: skip
_KILLED_BY_SOMEBODY = Cause("The backend was killed by a user or another program; the system's out-of-memory killer was not involved.", "Look for what ends programs here: antivirus, service manager, container runtime, task killer.", "killed")  # fmt: skip
_OOM = Cause("The system killed the backend because memory ran out.", "Close other programs, work on less at once, or raise the memory limit of the container or service.", "oom_killed")  # fmt: skip
_ASKED = Cause("Somebody outside the app asked the backend to end (a signal, or a closed console).", "Nothing needs to be done if that was meant; else look for a tool that ends programs (service manager, logout, task killer).", "terminated")  # fmt: skip
_ABORTED = Cause("The backend aborted itself and did not say why.", _REPORT, "aborted")
_ILLEGAL = Cause("The backend used an instruction that this processor does not have.", "Use a build of the backend for older processors; in a virtual machine, pass the host's processor features on.", "illegal_instruction")  # fmt: skip
_LIMIT = Cause("The backend reached a limit on processor time or file size that was set for it.", "Raise the limit (ulimit -t, ulimit -f) or remove it.", "limit")  # fmt: skip
_DLL = Cause("A DLL that the backend needs is missing or does not fit.", "Install the Microsoft Visual C++ Redistributable; if that does not help, reinstall the app.", "library_missing")  # fmt: skip
_RUNTIME = next(Cause(row.cause, row.remedy, row.kind) for row in ROWS if row.kind == "runtime_missing")
_MEMORY = next(Cause(row.cause, row.remedy, row.kind) for row in ROWS if row.kind == "memory")
_DOTNET = Cause("The backend died of an unhandled .NET exception and did not say which.", _REPORT, "exception")
_FAST = Cause("The backend ended itself at once because its state was corrupt (fail fast).", _REPORT, "failfast")
_OVERFLOW = Cause("The backend died of a stack overflow.", _REPORT, "overflow")

# The numbers that are the same on every Unix; SIGBUS and SIGSYS are not.
_SIGNALS: dict[int, Cause] = {
    1: _ASKED, 2: _ASKED, 3: _ASKED, 15: _ASKED, 4: _ILLEGAL, 5: _ABORTED, 6: _ABORTED, 8: _NATIVE, 9: _KILLED, 11: _NATIVE,
    24: _LIMIT, 25: _LIMIT, int(getattr(signal, "SIGBUS", -1)): _NATIVE,
}  # fmt: skip
# NTSTATUS, MS-ERREF 2.3.1; 0x8000_8xxx are those of the .NET host (dotnet/runtime, docs/design/features/host-error-codes.md).
_CODES: dict[int, Cause] = {
    126: Cause("The backend's program was found and cannot be executed.", "Give it the right to be executed (chmod +x); on another architecture, install the right version.", "not_executable"),
    127: Cause("A program or a library that the backend starts with was not found.", "Reinstall the app; look into its last output for the name.", "command_missing"),
    0xC0000005: _NATIVE, 0xC0000374: _NATIVE, 0xC0000094: _NATIVE, 0xC0000017: _MEMORY, 0xC000001D: _ILLEGAL,
    0xC00000FD: _OVERFLOW, 0xC0000135: _DLL, 0xC0000139: _DLL, 0xC0000142: _DLL, 0xC000013A: _ASKED, 0x40010004: _ASKED,
    0xC0000409: _FAST, 0xC0000602: _FAST, 0x80131623: _FAST, 0xE0434352: _DOTNET, 0x80008083: _RUNTIME, 0x80008096: _RUNTIME,
}  # fmt: skip


def guess(output: str, status: ExitStatus, *, port: int | None, oom: bool | None = None) -> Cause | None:
    """The likely cause of the end, or None where nothing speaks for any.

    Args:
        output: what the run said last (64 KiB are enough), decoded.
        status: how it ended.
        port: the port that it was given, for the sentence.
        oom: whether the kernel killed it for want of memory (see oom.py); None where nobody can tell.
    """
    if oom:
        return _OOM
    if status.clean:
        return Cause("The backend ended by itself, without an error.", "If it is meant to end by itself, set [restart] on_clean_exit = false; else its log tells why.", "clean_exit")  # fmt: skip
    output = output.replace("\r\n", "\n")  # as every program on Windows writes
    fatal = find(output)
    by_status = _from_status(status)
    if oom is False and by_status is _KILLED:
        by_status = _KILLED_BY_SOMEBODY
    if fatal is None and status.signal is not None and by_status in {_KILLED, _KILLED_BY_SOMEBODY, _ASKED}:
        return by_status  # nothing that it said before has to do with a signal from outside
    found = _from_text(fatal.text if fatal else output[-LAST_WORDS:], port)
    return found or (_describe(fatal) if fatal else None) or by_status


def _from_text(text: str, port: int | None) -> Cause | None:
    for row in ROWS:
        if match := re.search(row.pattern, text, re.IGNORECASE | re.MULTILINE):
            return _fill(row, match, port)
    return None


def _fill(row: Row, match: re.Match[str], port: int | None) -> Cause:
    names = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value}
    if port is None and row.kind.startswith("port"):
        line = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.end() + 100]
        named = re.search(r":(\d{2,5})\b", line)
        port = int(named[1]) if named else None
    where = f"port {port}" if port else "the port"
    values = names | {"port": where, "Port": where[0].upper() + where[1:]}
    return Cause(row.cause.format_map(values), row.remedy.format_map(values), row.kind)


def _describe(fatal: Fatal) -> Cause:
    what = ": ".join(part for part in (fatal.type, fatal.message) if part).rstrip(" .:")
    frame = f", at {fatal.frame}" if fatal.frame else ""
    sentence = f"The backend died of {_FATAL_WORDS[fatal.kind]}{f': {what}' if what else ''}{frame}"
    kind = fatal.kind if fatal.kind in {"failfast", "overflow"} else "exception"
    return Cause(sentence + ("" if sentence.endswith((".", "…")) else "."), _REPORT, kind)


def _from_status(status: ExitStatus) -> Cause | None:
    if not status.known:
        return Cause("The backend was killed together with the process that watches over it; nobody saw how.", _KILLED.remedy, "unknown")  # fmt: skip
    if status.signal is not None:
        return _SIGNALS.get(status.signal) or Cause(f"The backend was ended by {signal_name(status.signal)}.", _REPORT, "signal")  # fmt: skip
    assert status.code is not None
    if status.code in _CODES:
        return _CODES[status.code]
    # A shell, or a container, that started the program reports its signal so (POSIX 2.8.2).
    return _SIGNALS.get(status.code - 128) if 128 < status.code < 160 else None
