"""docs/causes.md from the ways to fail; ``python -m tools.generate`` writes it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.failures import deaths, ports, programs, sandboxes, silences, surroundings
from tests.failures.stage import Way, Ways

CHAPTERS: tuple[Ways, ...] = (programs.WAYS, ports.WAYS, silences.WAYS, deaths.WAYS, surroundings.WAYS, sandboxes.WAYS)

_HEAD = """\
# What can go wrong, and what you will read

Each row was brought about for real by a test (`tests/failures/`), which compares what a user read with the sentences below:
in the crash report (`backend:crashReport`, and `{logs}/crash-….log`), from the doctor (`sidecar doctor`, `backend:diagnose`), or as
the answer to a start. <Words in brackets> stand for what is different each time. This page is generated from those tests by
`python -m tools.generate`.
"""


def ways() -> list[Way]:
    """All of them."""
    return [way for chapter in CHAPTERS for way in chapter]


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for chapter in CHAPTERS:
        yield f"## {chapter.title}\n"
        yield "| what is wrong | reported by | what you read | what to do |\n|---|---|---|---|"
        for way in chapter:
            yield f"| {way.title} | {way.where} | {_cell(way.reported.cause)} | {_cell(way.reported.remedy)} |"
        yield ""


def _cell(text: str) -> str:
    lines = " ".join(text.split())
    for sign in "\\|*<>_":
        lines = lines.replace(sign, f"\\{sign}")
    return lines
