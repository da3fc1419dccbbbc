"""docs/causes.md from the ways to fail: ``python -m tests.failures.page --write``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.failures import deaths, ports, programs, silences, surroundings
from tests.failures.stage import Way, Ways

CHAPTERS: tuple[Ways, ...] = (programs.WAYS, ports.WAYS, silences.WAYS, deaths.WAYS, surroundings.WAYS)
PATH = Path(__file__).resolve().parents[2] / "docs" / "causes.md"

_HEAD = """\
# What can go wrong, and what you will read

Each row was brought about for real by a test (`tests/failures/`), which compares what a user read with the sentences below:
in the crash report (`backend:crashReport`, and `{logs}/crash-….log`), from the doctor (`sidecar doctor`, `backend:diagnose`), or as
the answer to a start. <Words in brackets> stand for what is different each time. This page is generated from those tests by
`python -m tests.failures.page --write`.
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
        yield "| what is wrong | told by | what you read | what to do |\n|---|---|---|---|"
        for way in chapter:
            yield f"| {way.title} | {way.where} | {_cell(way.told.cause)} | {_cell(way.told.remedy)} |"
        yield ""


def _cell(text: str) -> str:
    lines = " ".join(text.split())
    for sign in "\\|*<>_":
        lines = lines.replace(sign, f"\\{sign}")
    return lines


if __name__ == "__main__":
    if "--write" in sys.argv:
        PATH.write_text(page(), encoding="utf-8", newline="\n")
    elif PATH.read_text(encoding="utf-8") != page():
        sys.exit(f"{PATH} is out of date: python -m tests.failures.page --write")
