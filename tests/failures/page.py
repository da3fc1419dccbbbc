"""docs/causes.md from the ways to fail; ``python -m tools.generate`` writes it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.failures import deaths, ports, programs, sandboxes, silences, surroundings
from tests.failures.stage import Way, Ways

CHAPTERS: tuple[Ways, ...] = (programs.WAYS, ports.WAYS, silences.WAYS, deaths.WAYS, surroundings.WAYS, sandboxes.WAYS)

_HEAD = """\
# Causes and remedies

What you read when something goes wrong: in the crash report (`backend:crashReport`, `{logs}/crash-….log`), from the doctor
(`sidecar doctor`, `backend:diagnose`), or as the error of a start. Words in angle brackets stand for what differs each time. A test
(`tests/failures/`) causes each failure for real and compares the texts; `python -m tools.generate` makes this page from these tests.
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
