"""Reads the README, so that tests can hold it against the product."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def text() -> str:
    """All of it."""
    return README.read_text(encoding="utf-8")


def section(heading: str) -> str:
    """What stands under a second-level heading."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text(), re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {heading}"
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return cells[2:]


def snippet(name: str) -> str:
    """The code block that is marked ``<!-- run: NAME -->``."""
    found = re.search(rf"<!-- run: {re.escape(name)} -->\n```\w+\n(.*?)```", text(), re.DOTALL)
    assert found, f"the README has no snippet {name}"
    return found[1]
