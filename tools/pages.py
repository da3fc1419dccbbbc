"""The README and the pages of docs/, parsed for checks and tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools import ROOT

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- ([\w -]+?): (.+?) -->\n\Z")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: its file, relative to the root.
        line: the line of its opening fence, from 1.
        language: the word after the fence.
        text: its lines.
        mark: kind and value of a comment right above it, as in ``<!-- run: client.py -->``; empty if missing.
    """

    page: str
    line: int
    language: str
    text: str
    mark: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Page:
    """One Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")

    def section(self, heading: str) -> str:
        """Returns the text under a second-level heading."""
        found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", self.text, re.MULTILINE | re.DOTALL)
        if found is None:
            raise ValueError(f"{self.name} has no section {heading}")
        return found[1]

    def rows(self, heading: str, *, table: int = 0) -> list[list[str]]:
        """Returns the cells of a table under a heading, without the header row."""
        tables = re.findall(r"(?:^\|.*\n)+", self.section(heading), re.MULTILINE)
        lines = tables[table].splitlines()
        cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        return cells[2:]

    def blocks(self) -> Iterator[Block]:
        """Yields every fenced block."""
        for found in _FENCE.finditer(self.text):
            before = self.text[: found.start()]
            mark = _MARK.search(before)
            indent = found[1]
            text = re.sub(f"^{indent}", "", found[3], flags=re.MULTILINE) if indent else found[3]
            yield Block(self.name, before.count("\n") + 1, found[2], text, (mark[1], mark[2]) if mark else ("", ""))

    def anchors(self) -> set[str]:
        """Returns the valid link fragments, as GitHub derives them from headings."""
        headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}

    def links(self) -> list[str]:
        """Returns every target of a link or picture that is a file or heading here."""
        targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", _FENCE.sub("", self.text))
        return [target for target in targets if not re.match(r"[a-z]+:", target)]


def pages() -> list[Page]:
    """Returns the pages at the root, the shim's README, all of docs/, and the READMEs of examples/."""
    names = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "electron-shim/README.md")
    paths = [
        *(ROOT / name for name in names),
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "examples" / "README.md",
        *sorted((ROOT / "examples").glob("*/README.md")),  # not those of an example's installed packages
    ]
    return [Page(path) for path in paths]


def page(name: str) -> Page:
    """Returns a page by its path from the root."""
    return Page(ROOT / name)


def values(text: str) -> list[Any]:
    """Returns the consecutive JSON values in a text."""
    out, place, decoder = [], 0, json.JSONDecoder()
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        value, place = decoder.raw_decode(text, place)
        out.append(value)
    return out


def snippet(name: str) -> str:
    """Returns the code block marked ``<!-- run: NAME -->``, in a README or in docs/."""
    found = [block.text for one in pages() for block in one.blocks() if block.mark == ("run", name)]
    assert len(found) == 1, f"{len(found)} snippets have the mark {name}"
    return found[0]
