"""Guesses why a run ended, from the backend's output and its exit status. Pure.

Signals and statuses alone mislead: a managed .NET crash on Linux is always signal 6. So the output decides if it says anything,
and the status where the output cannot know (a SIGKILL leaves no last words).
"""

import re
from functools import lru_cache

from ..core.bind_failure import any_bind_failure
from ..core.cause import Cause
from ..core.exit_status import ExitStatus, signal_name
from ..core.last_line import quote_last, readable, unwrapped
from ..plain import capitalised
from .cause_table import BIND_FAILURES, CLEAN, KILLED_BY_OTHERS, OOM, REPORT, ROWS, STATUSES
from .fatal import MAX_MESSAGE, RUNTIMES, Fatal, find, find_logged

# Ends to which the backend's output is unrelated.
SILENT = frozenset({"killed", "oom_killed", "terminated", "clean_exit", "unknown"})
_SIGNALS = {"killed", "terminated"}
# Lines that explain no end: those that their logger calls harmless, and the code in a traceback, whose message follows.
_HARMLESS = (
    r"(?i)[ \t]+(?:raise|throw) |(?!.{0,80}\b(?:\w*(?:error|exception)|err|fatal|crit\w*|panic|fail\w*|emerg)\b)"
    r".{0,60}?(?<![\w/.-])(?:trace|debug|info|not(?:e|ice)|\w*warn(?:ing)?)(?![\w/.-])"
)
# An error with its stack that a logger attached to a warning, followed by another error.
_SURVIVED = (
    r"(?m)^(?!.*\b(?:[Ee]rror|ERROR)\b).{0,60}?(?<![\w/.-])(?i:warn(?:ing)?)\b.*(?:\n[\w.$]*(?:Error|Exception)\b.*(?:\n[ \t]+at .*)+"
    r"|\nTraceback \(most recent call last\):(?:\n[ \t].*)+\n\S.*)(?=(?:\n.*)*\n.{0,40}(?<!\w)(?:ERROR|FATAL|CRITICAL|[Ee]rror:|[Ff]atal:))"
)
_SERVES = r"(?im)^(?!.*\balready\b).*\b(?:listening|serving|running|ready|started)\b.{0,40}(?::\d{2,5}\b|\bport\W{1,3}\d{2,5}\b)"
_CHAINED = "The above exception was the direct cause of the following exception:"  # Python's, for "raise … from …"
LAST_WORDS = 16 * 1024  # characters; without a fatal error, an older line explains nothing
LAST_LINES = 15  # lines in which an "at_end" row counts
_MAX_END = 4 * 1024  # characters
_MAX_LINE = 1000  # characters; some patterns take quadratic time per line

# honcho: "12:00:00 web.1 | ", foreman, docker compose: "web-1  | ", concurrently: "[0] "; before npm's lines lerna: "api: ", turbo: "api:dev: "
_MANAGED = r"^(?:(?:\d\d:\d\d:\d\d )?[A-Za-z][\w.-]* *\| |\[\d\] (?!\[)|[\w@./:-]+(?: \w+)?: (?=npm (?:error|ERR!) ))"

_BY_STATUS = {row.kind: Cause(row.cause, row.remedy, row.kind) for row in reversed(ROWS)}
_BY_STATUS |= {cause.kind: cause for cause in STATUSES}
_KILLED = _BY_STATUS["killed"]
# TypeScript in a version of Node.js that does not remove types, below the place
_TYPED = r".*\.[cm]?tsx?:\d+\nSyntaxError: (?:.*\n)*?Node\.js v(?:1\d|2[01])\."
# What Node prints when it aborts; the stacks below the words say nothing
_NODE_TRACE = r"(?m)^ {0,2}\d+: .*|^-+ \w+ stack trace -+$"
# Statuses for which the last line may say more
_QUOTING = {
    "aborted": "The backend aborted",
    "command_missing": "A program or library that the backend needs to start was not found",
    "not_executable": "A program that the backend needs to start was found but could not be executed",
}


def guess(
    output: str, status: ExitStatus, *, port: int | None, oom: bool | None = None, since_ready: str | None = None
) -> Cause | None:
    """The likely cause, or None. ``output``: the end of the run's output, decoded; ``oom``: from ``oom_kills.was_killed``.

    ``since_ready``: the part of the output that was printed after the run was ready, if a signal ended it; None: it never was, or none did.
    """
    if oom and status.kind == "killed":
        return OOM
    if status.clean:
        return CLEAN
    output, fatal = _read(output)
    by_status = _BY_STATUS.get(status.kind or "")
    if status.kind == "signal" and status.signal is not None:
        by_status = Cause(f"The backend was killed by {signal_name(status.signal)}.", REPORT, "signal")
    if oom is False and by_status is _KILLED:
        by_status = KILLED_BY_OTHERS
    if status.signal is not None and by_status is not None and by_status.kind in _SIGNALS:
        survived = fatal is not None and since_ready is not None and find(_plain(since_ready)) is None
        if fatal is None or survived or re.search(_ORPHANED, f"{fatal.type}: {fatal.message}"):
            return by_status  # a signal from outside has nothing to do with the output
    found = _from_text(output, fatal, port)
    if found is None and fatal is None and status.signal is None:
        fatal = find_logged(output)
    earlier = output[: -len(fatal.text)] if fatal and not found else ""
    while (
        not found and (before := earlier.rstrip().removesuffix(_CHAINED)) != earlier.rstrip() and (led := find(before))
    ):
        found, earlier = _from_text(before, led, port), before[: -len(led.text)]
    found = found or (_describe(fatal) if fatal else None) or by_status
    if (oom or by_status is KILLED_BY_OTHERS) and found is not None and found.kind == "killed":
        found = (
            OOM if oom else by_status
        )  # a launcher's message about its program does not know what the kernel counted
    if found is not None and found is by_status and status.kind in _QUOTING:
        words = output[-LAST_WORDS:]
        bare = re.sub(_NODE_TRACE, "", words)
        if said := quote_last(bare, only_errors=bare != words):  # above a stack only an error belongs to it
            found = found._replace(cause=f"{_QUOTING[status.kind]}; {said.rstrip('.')}.")
    return found._replace(fatal=fatal) if found is not None else None


def from_words(output: str, *, port: int | None) -> Cause | None:
    """Like ``guess``, from the output of a program that still runs: a reloader that waits for its files to change."""
    return _from_text(*_read(output), port)


# The words of a child that lost its parent: Node's cluster, Python's multiprocessing
_ORPHANED = r"\bEPIPE\b|^(?:Error: Channel closed|BrokenPipeError|ConnectionResetError|EOFError)\b"


# One end is explained in several calls, and 64 KiB without a match take 10 ms.
@lru_cache(maxsize=1)
def _read(output: str) -> tuple[str, Fatal | None]:
    plain = _plain(output)
    return plain, find(plain)


def _plain(output: str) -> str:
    """The output with Unix line ends and JSON records as text, without frames, survived errors and the line prefixes of process managers."""
    text = unwrapped(re.sub(_MANAGED, "", output.replace("\r\n", "\n"), flags=re.MULTILINE))
    text = "\n".join(map(_with_record, text.split("\n"))) if '{"' in text else text
    return text[:-LAST_WORDS] + re.sub(_SURVIVED, "", text[-LAST_WORDS:])


def _with_record(line: str) -> str:
    """The line, after its text if it is a record. Both, because the words may be in a part that is neither message nor error."""
    text = readable(line)
    return text if text == line or re.match(_HARMLESS, text) else f"{text}\n{line}"


@lru_cache(maxsize=1)
def _from_text(output: str, fatal: Fatal | None, port: int | None) -> Cause | None:
    """Searches first what the backend printed after it began to serve, because it survived what it printed before."""
    text = fatal.text if fatal else output[-LAST_WORDS:]
    served = [match.start() for match in re.finditer(_SERVES, text)][-1:]
    for start in (*served, 0):
        if found := _from_part(text[start:], port, is_fatal=fatal is not None):
            return found
    return None


def _from_part(text: str, port: int | None, *, is_fatal: bool) -> Cause | None:
    if failure := any_bind_failure(text):
        named = failure[1] or port
        where = f"port {named}" if named else "the port"
        return BIND_FAILURES[failure[0]].filled(port=where, Port=capitalised(where))
    lines = [line[:_MAX_LINE] for line in text.split("\n") if not re.match(_HARMLESS, line)]
    text = "\n".join(lines)
    end = _both_ends(text) if is_fatal else "\n".join([line for line in lines if line.strip()][-LAST_LINES:])
    for row in ROWS:
        if match := re.search(row.pattern, end if row.at_end else text, re.IGNORECASE | re.MULTILINE):
            found = {name: value.rstrip(".") for name, value in match.groupdict().items() if value}
            names = {name.rstrip("0123456789"): value for name, value in found.items()}
            cause = Cause(row.cause, row.remedy, row.kind, program=names.get("program", ""))
            return cause.filled(**names, line=_line_of(match))
    return None


def _both_ends(text: str) -> str:
    """The parts of a fatal error that say what it is: a stack may be long, and other threads may print after it."""
    return text if len(text) <= 2 * _MAX_END else f"{text[:_MAX_END]}\n{text[-_MAX_END:]}"


def _line_of(match: re.Match[str]) -> str:
    """The line in which the match begins, as part of a sentence."""
    start = match.string.rfind("\n", 0, match.start()) + 1
    line = match.string[start:].partition("\n")[0].strip(" \t.:?!")
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"


def _describe(fatal: Fatal) -> Cause:
    what = ": ".join(part for part in (fatal.type, fatal.message) if part).rstrip(" .:")
    frame = f", at {fatal.frame}" if fatal.frame else ""
    if re.match(_TYPED, f"{fatal.frame}\n{fatal.text}"):
        return _BY_STATUS["module_kind"].filled(line=f"{what}{frame}")
    sentence = f"The backend crashed with {RUNTIMES[fatal.kind].words}{f': {what}' if what else ''}{frame}"
    kind = fatal.kind if fatal.kind in {"failfast", "overflow"} else "exception"
    return Cause(sentence + ("" if sentence.endswith((".", "…")) else "."), REPORT, kind)
