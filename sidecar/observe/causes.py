"""The likely cause of a death, from what the backend said and how it ended. Pure.

Signals and statuses alone mislead: a managed .NET crash on Linux is always signal 6. So the text decides where there is
one, and the status where the text cannot know (a SIGKILL leaves no last words).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.bind_failure import any_bind_failure
from ..core.exit_status import ExitStatus, signal_name
from ..core.last_line import quote_last
from ..plain import capitalised
from .cause_table import BIND_FAILURES, ROWS
from .fatal import Fatal, find

# Ends from outside: what the backend said before has nothing to do with them.
SILENT = frozenset({"killed", "oom_killed", "terminated", "clean_exit", "unknown"})
# A line that its logger calls harmless explains no end.
_HARMLESS = (
    r"(?i)(?!.{0,80}\b(?:\w*(?:error|exception)|err|fatal|crit\w*|panic|fail\w*|emerg)\b)"
    r".{0,60}?(?<![\w/.-])(?:trace|debug|info|not(?:e|ice)|\w*warn(?:ing)?)(?![\w/.-])"
)
LAST_WORDS = 16 * 1024  # characters: without a fatal error, an older line explains nothing any more
_MAX_LINE = 1000  # characters of each: some patterns take the square of a line's length

# honcho: "12:00:00 web.1 | ", foreman, docker compose: "web-1  | ", concurrently: "[0] "
_MANAGED = r"^(?:(?:\d\d:\d\d:\d\d )?[A-Za-z][\w.-]* *\| |\[\d\] (?!\[))"
_REPORT = "The crash report has its last output; send it to the backend's developer."
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
    "ruby": "a Ruby exception",
}


class Cause(NamedTuple):
    """A guess: one sentence each for cause and remedy, a stable name such as "port_in_use", and the last words behind it."""

    cause: str
    remedy: str
    kind: str
    fatal: Fatal | None = None


_NATIVE = Cause("The backend crashed in native code (invalid memory access).", "Update drivers and the native libraries that the backend uses (graphics, video). " + _REPORT, "native_crash")  # fmt: skip
_KILLED = Cause("The backend was killed from outside: usually by the system because memory ran out, otherwise by a user or another program.", "Close other programs or raise the memory limit of the container; check the system log for the out-of-memory killer.", "killed")  # fmt: skip
_KILLED_BY_OTHERS = Cause("The backend was killed by a user or another program; the system's out-of-memory killer was not involved.", "Check what may kill programs here: antivirus, service manager, container runtime, task killer.", "killed")  # fmt: skip
_OOM = Cause("The system killed the backend because memory ran out.", "Close other programs, process less at a time, or raise the memory limit of the container or service.", "oom_killed")  # fmt: skip
_ASKED = Cause("Something outside the app asked the backend to exit (a signal, or a closed console).", "If that was intended, ignore it. Otherwise check for a tool that ends programs (service manager, logout, task killer).", "terminated")  # fmt: skip
_ABORTED = Cause("The backend aborted itself and did not say why.", _REPORT, "aborted")
_ILLEGAL = Cause("The backend used an instruction that this processor does not support.", "Use a build of the backend for older processors; in a virtual machine, pass through the host's processor features.", "illegal_instruction")  # fmt: skip
_LIMIT = Cause("The backend reached a limit on processor time or file size that was set for it.", "Raise the limit (ulimit -t, ulimit -f) or remove it.", "limit")  # fmt: skip
_DLL = Cause("A DLL that the backend needs is missing or incompatible.", "Install the Microsoft Visual C++ Redistributable; if that does not help, reinstall the app.", "library_missing")  # fmt: skip
_RUNTIME = next(Cause(row.cause, row.remedy, row.kind) for row in ROWS if row.kind == "runtime_missing")
_MEMORY = next(Cause(row.cause, row.remedy, row.kind) for row in ROWS if row.kind == "memory")
_DOTNET = Cause("The backend died of an unhandled .NET exception and did not say which.", _REPORT, "exception")
_FAST = Cause("The backend ended itself at once because its state was corrupt (fail fast).", _REPORT, "failfast")
_OVERFLOW = Cause("The backend died of a stack overflow.", _REPORT, "overflow")

_COMMAND_MISSING = Cause("A program or library that the backend needs to start was not found.", "Reinstall the app; the last output has the name.", "command_missing")  # fmt: skip
_NOT_EXECUTABLE = Cause("The backend's program was found but cannot be executed.", "Make it executable (chmod +x); on another architecture, install the right build.", "not_executable")  # fmt: skip
_UNKNOWN = Cause("The backend was killed together with its guardian process, so its exit status is unknown.", _KILLED.remedy, "unknown")  # fmt: skip
_BY_STATUS = {
    cause.kind: cause
    for cause in (
        *(_NATIVE, _KILLED, _ASKED, _ABORTED, _ILLEGAL, _LIMIT, _DLL, _RUNTIME, _MEMORY, _DOTNET, _FAST, _OVERFLOW),
        *(_COMMAND_MISSING, _NOT_EXECUTABLE, _UNKNOWN),
    )
}


def guess(output: str, status: ExitStatus, *, port: int | None, oom: bool | None = None) -> Cause | None:
    """The likely cause, None: nothing speaks for any. ``output``: the end of the run's, decoded; ``oom``: as ``oom_kills.was_killed``."""
    if oom:
        return _OOM
    if status.clean:
        return Cause("The backend exited by itself, without an error.", "If it is meant to exit by itself, set [restart] on_clean_exit = false; otherwise check its log.", "clean_exit")  # fmt: skip
    output = _plain(output)
    fatal = find(output)
    by_status = _from_status(status)
    if oom is False and by_status is _KILLED:
        by_status = _KILLED_BY_OTHERS
    if fatal is None and status.signal is not None and by_status in {_KILLED, _KILLED_BY_OTHERS, _ASKED}:
        return by_status  # nothing that it said before has to do with a signal from outside
    found = _from_text(_last_words(output, fatal), port)
    found = found or (_describe(fatal) if fatal else None) or by_status
    if found is _ABORTED and (said := quote_last(output[-LAST_WORDS:])):
        found = found._replace(cause=f"The backend aborted itself; {said.rstrip('.')}.")
    return found._replace(fatal=fatal) if found is not None else None


def from_words(output: str, *, port: int | None) -> Cause | None:
    """As ``guess`` by what a program said that still runs: a reloader, which waits for its files to change."""
    output = _plain(output)
    return _from_text(_last_words(output, find(output)), port)


def _plain(output: str) -> str:
    """With Unix line ends, and without what managers of several programs put before each line."""
    return re.sub(_MANAGED, "", output.replace("\r\n", "\n"), flags=re.MULTILINE)


def _last_words(output: str, fatal: Fatal | None) -> str:
    return fatal.text if fatal else output[-LAST_WORDS:]


def _from_text(text: str, port: int | None) -> Cause | None:
    if failure := any_bind_failure(text):
        kind, cause, remedy = BIND_FAILURES[failure[0]]
        named = failure[1] or port
        where = f"port {named}" if named else "the port"
        return Cause(cause.format(port=where, Port=capitalised(where)), remedy, kind)
    text = "\n".join(line[:_MAX_LINE] for line in text.split("\n") if not re.match(_HARMLESS, line))
    for row in ROWS:
        if match := re.search(row.pattern, text, re.IGNORECASE | re.MULTILINE):
            names = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value}
            return Cause(row.cause.format_map(names), row.remedy.format_map(names), row.kind)
    return None


def _describe(fatal: Fatal) -> Cause:
    what = ": ".join(part for part in (fatal.type, fatal.message) if part).rstrip(" .:")
    frame = f", at {fatal.frame}" if fatal.frame else ""
    sentence = f"The backend died of {_FATAL_WORDS[fatal.kind]}{f': {what}' if what else ''}{frame}"
    kind = fatal.kind if fatal.kind in {"failfast", "overflow"} else "exception"
    return Cause(sentence + ("" if sentence.endswith((".", "…")) else "."), _REPORT, kind)


def _from_status(status: ExitStatus) -> Cause | None:
    if status.kind == "signal" and status.signal is not None:
        return Cause(f"The backend was killed by {signal_name(status.signal)}.", _REPORT, "signal")
    return _BY_STATUS.get(status.kind or "")
