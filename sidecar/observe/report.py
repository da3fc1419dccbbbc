"""The text of a crash report. Pure: facts in, text out."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from ..plain import encodable, escaped_json, one_line
from ..wire.observe import Crash, ResourceSample
from .lines import LineSplitter

SUMMARY_MARK = "Summary for programs: "  # starts the last line of a report, after the backend's output
MAX_SEQUENCE = 2**53  # a backend may write its own report, with a number to which JSON cannot add one

_MEBIBYTE = 1024 * 1024


class CrashFacts(msgspec.Struct, frozen=True):
    """Everything known about the unexpected end of a run. Sequences: oldest first."""

    summary: Crash
    output: str = ""  # after the drain, secrets masked; the last 64 KiB
    pid: int | None = None  # of the root process, None if it never existed
    port: int | None = None
    asked: str | None = None  # ISO 8601 UTC, like ``ready``
    ready: str | None = None
    command: Sequence[str] = ()
    cwd: str = ""
    env: Sequence[str] = ()  # names only: a page reads reports, and no list of secret names is ever complete
    states: Sequence[str] = ()
    health: Sequence[str] = ()
    resources: Sequence[ResourceSample] = ()
    oom: bool | None = None  # whether the kernel killed it because memory ran out; None: unknown
    survivors: Sequence[str] = ()  # processes of the tree that the kill did not end, e.g. "ffmpeg (4711)"
    forced: Sequence[str] = ()  # processes of the tree that did not exit by themselves
    notes: Sequence[str] = ()


def render(
    facts: CrashFacts, *, system: Sequence[str] = (), mask: Callable[[str], str] = str, sequence: int = 0
) -> str:
    """The whole report. ``mask`` removes secrets from all but the output; ``system``: lines about the sidecar and the machine; ``sequence``: the report's number in the folder."""
    summary = facts.summary
    sections: tuple[tuple[str, Sequence[str]], ...] = (
        ("What happened", _what_happened(facts)),
        ("The run", _run(facts)),
        ("States", facts.states),
        ("Health", facts.health),
        ("Resources of the last minute", _resources(facts.resources)),
        ("Sidecar and system", system),
        ("Environment (names only)", facts.env),
    )
    heading = f"Crash report {summary.name}"
    body = "".join(_section(title, list(map(one_line, lines))) for title, lines in sections)
    own = mask(f"{heading}\n{'=' * len(heading)}\n{body}")
    data = facts.output.encode("utf-8", "replace")
    output = _section(f"Last output ({len(data)} bytes)", _lines(data))
    return f"{own}{output}\n{SUMMARY_MARK}{summary_line(summary, mask, sequence)}\n"


def summary_line(summary: Crash, mask: Callable[[str], str], sequence: int) -> str:
    """The summary as JSON; its texts may quote the backend, so they are masked as well."""
    safe = msgspec.structs.replace(
        summary,
        text=encodable(mask(summary.text)),
        cause=encodable(mask(summary.cause)) if summary.cause else None,
        remedy=encodable(mask(summary.remedy)) if summary.remedy else None,
    )
    return escaped_json(msgspec.json.encode(msgspec.to_builtins(safe) | {"sequence": sequence}).decode())


class _Numbered(msgspec.Struct):
    sequence: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQUENCE)] = 0  # reports of older versions have none


def read_summary(report: str) -> tuple[int, Crash] | None:
    """The number and the summary in a report's text; None if it is not a report, or is damaged."""
    line = report.rstrip("\n").rpartition("\n")[2]
    if not line.startswith(SUMMARY_MARK):
        return None
    try:
        summary = line.removeprefix(SUMMARY_MARK)
        return msgspec.json.decode(summary, type=_Numbered).sequence, msgspec.json.decode(summary, type=Crash)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _section(title: str, lines: Sequence[str]) -> str:
    text = "".join(f"{line}\n" for line in lines or ["(no data)"])
    return f"\n{title}\n{'-' * len(title)}\n{text}"


def _what_happened(facts: CrashFacts) -> list[str]:
    summary = facts.summary
    lines = [f"{summary.time}  the backend failed: {summary.text}"]
    if summary.cause:
        lines.append(f"Likely cause:  {summary.cause}")
    if summary.remedy:
        lines.append(f"What to do:    {summary.remedy}")
    lines.append(f"What's next:   {_follows(summary)}")
    if summary.fingerprint:
        lines.append(f"Fingerprint:   {summary.fingerprint} ({summary.kind}), the same for every crash like this one")
    return lines


def _follows(summary: Crash) -> str:
    if summary.final or summary.next_start_in is None:
        why = "another start would fail in the same way"
        if summary.attempt >= summary.attempts:
            why = f"no restarts left: restart.attempts is {summary.attempts}"
        return f"it will not restart automatically ({why}); start it with backend:start"
    restart = f"restart {summary.attempt} of {summary.attempts}"
    when = f"in {summary.next_start_in:.1f} s" if summary.next_start_in > 0 else "at once"
    return f"it restarts {when} ({restart})"


def _run(facts: CrashFacts) -> list[str]:
    killer = f"the kernel killed {'it' if facts.summary.kind == 'oom_killed' else 'a process of its control group'} because memory ran out"
    no_killer = "the kernel's out-of-memory killer was not involved"
    rows = {
        "Run": str(facts.summary.run),
        "Process": str(facts.pid) if facts.pid is not None else "none",
        "Port": str(facts.port) if facts.port is not None else "none",
        "Requested": facts.asked or "",
        "Ready": facts.ready or "never",
        "Command": " ".join(_quoted(word) for word in facts.command),
        "Folder": facts.cwd,
        "Memory": "" if facts.oom is None else killer if facts.oom else no_killer,
        "Killed": ", ".join(facts.forced),
        "Still alive": ", ".join(facts.survivors),
    }
    return [f"{name + ':':13}{value}" for name, value in rows.items() if value] + list(facts.notes)


def _quoted(word: str) -> str:
    return f'"{word}"' if not word or any(character.isspace() for character in word) else word


def _resources(samples: Sequence[ResourceSample]) -> list[str]:
    return [
        f"{sample.time}  cpu {sample.cpu:6.1f} %  memory {sample.memory / _MEBIBYTE:8.1f} MiB  "
        f"{sample.processes} processes  {sample.threads} threads"
        for sample in samples
    ]


def _lines(output: bytes) -> list[str]:
    splitter = LineSplitter()
    return [*splitter.feed(output), *splitter.flush()]
