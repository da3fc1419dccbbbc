"""What stands below a secret name: the list or mapping behind ``password:``, ``"secrets": {``, and a section ``[secrets]``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .names import Strength, is_harmless, is_sentence, nested_strength, strength
from .values import depth_of, line_before

_SECTION = re.compile(
    r"(?m)^[ \t]{0,8}\[{1,2}(?P<name>[\w.\"-]{1,80})\]{1,2}[ \t]{0,8}\r?$(?P<lines>(?:\n[ \t]{0,8}(?:[\w.\"'-]{1,80}[ \t]{0,8}[=:]|[#;]|\r?$)[^\n]{0,2000}){1,200})"
)
_LINE = re.compile(r"(?P<indent>[ \t]*)(?P<text>[^\n]*)\n?")
_ITEMS = re.compile(r"(?:-[ \t]{1,8}[^\n]{1,1000}\n?[ \t]{0,40}){1,200}")
_ITEM = re.compile(r"-[ \t]{1,8}(?P<quote>[\"']?)(?P<value>[^\n]{1,1000}?)(?P=quote)[ \t\r]*$", re.MULTILINE)
_MAPPING = re.compile(r"[\w.\"'-]{1,80}:(?:\s|$)|.*:$")
_AT_LINE_START = re.compile(r"[ \t]*(?:-[ \t]+)?[\"']?")
_MAX_LINES = 200
_MAX_BRACES = 4096  # characters


class _Extent(NamedTuple):
    """A part of a text that is below a secret name."""

    end: int
    level: Strength
    name: str
    is_block: bool  # the names in it begin their lines


_NOWHERE = _Extent(0, Strength.NONE, "", is_block=False)


class Nesting:
    """Follows the pairs of one text, from its beginning to its end. Each character is looked at for one extent at most."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._extent = _NOWHERE
        self._sections = _sections(text) if "[" in text else iter(())
        self._next = next(self._sections, None)

    def strength(self, start: int, name: str) -> Strength:
        """How secret the value of a name at ``start`` is because of what it stands below."""
        while self._next is not None and self._next[0] <= start:
            self._extent = self._next[1]
            self._next = next(self._sections, None)
        if start >= self._extent.end:
            return Strength.NONE
        if self._extent.is_block and not _AT_LINE_START.fullmatch(line_before(self._text, start)):
            return Strength.NONE
        return nested_strength(name, self._extent.name, self._extent.level)

    def open(self, name: str, level: Strength, start: int, end: int, sign: str) -> None:
        """A secret name at ``start`` whose value at ``end`` may be a mapping."""
        if start < self._extent.end or level < Strength.STRONG:
            return
        if self._text.startswith("{", end):
            self._extent = _Extent(_end_of_braces(self._text, end), level, name, is_block=False)
        elif sign == ":" and "\n" in self._text[start:end]:
            self._extent = _Extent(_end_of_block(self._text, start), level, name, is_block=True)


def list_below(text: str, start: int, level: Strength) -> tuple[int, int] | None:
    """From the first to the last value of a YAML list that begins at ``start``; None: nothing in it is a secret."""
    found = _ITEMS.match(text, start)
    if found is None:
        return None
    items = []
    for item in _ITEM.finditer(text, start, found.end()):
        if _MAPPING.match(item["value"]):
            break
        items.append(item)
    # Under ``secrets:`` a list of words is one of names.
    level = level if level >= Strength.PASSWORD else Strength.WEAK
    if all(is_harmless(item["value"], level) or is_sentence(item["value"]) for item in items):
        return None
    return items[0].start("value"), items[-1].end("value")


def _sections(text: str) -> Iterator[tuple[int, _Extent]]:
    for section in _SECTION.finditer(text):
        level = strength(section["name"])
        if level >= Strength.STRONG:
            yield section.start("lines"), _Extent(section.end(), level, section["name"], is_block=True)


def _end_of_block(text: str, start: int) -> int:
    """Where the lines end that are indented more than the one of the name at ``start``."""
    depth = depth_of(text, start)
    at = text.find("\n", start) + 1
    for _ in range(_MAX_LINES):
        line = _LINE.match(text, at)
        if line is None or line.end() == at or (line["text"].strip() and len(line["indent"]) <= depth):
            break
        at = line.end()
    return at


def _end_of_braces(text: str, start: int) -> int:
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, start, start + _MAX_BRACES):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return min(len(text), start + _MAX_BRACES)
