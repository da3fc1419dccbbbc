"""Where the value after a name begins and ends, in any notation; and what is nested under a secret name: a list, a mapping, a section."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from .names import Strength, is_harmless, is_sentence, nested_strength, strength


class Value(NamedTuple):
    """The position of a value in a text, without its quotes."""

    start: int
    end: int
    quoted: bool


# !!str …, b"…", Some("…"), String("…"), SecretStr('…'): what stands between the separator and the quote.
_WRAPPER = re.compile(
    r"(?:!{1,2}\w{1,20}[ ]{1,4})?(?:string\(\d{1,5}\)[ ]|\(string\)[ ](?:\(len=\d{1,6}\)[ ])?|(?:str|bytes|string|(?:[\w.]{1,30}\.)?[A-Z]\w{0,30})\(|<<(?=\"))?(?:[bBrRuUfF@$]{1,2}(?=[\"']))?"
)
_QUOTE = re.compile(
    # Two if a nested text doubles them: CSV, SQL, Visual Basic.
    r"(?P<slashes>\\{0,15})(?P<quote>\"{3}|'{3}|\"{2}(?=[\w$@!#+*?~^-])|[\"'`])|&quot;|&#(?:0?3[49]|x2[27]);|&apos;|%(?:25)?2[27]|\\{1,8}u002[27]",
    re.IGNORECASE,
)
_CDATA = "<![CDATA["
# Up to what usually ends a word; a comma, a semicolon, & or a bracket is part of the word if the word continues after it.
_UNQUOTED = re.compile(
    r"""(?:[^\s"'`<>;,&\\)\]}|]|\\[^\s"']|\\[ ](?=\w)|["'](?=[A-Za-z0-9])|[;,&|](?![\s;,&|"'`<\]})]|$|[\w.%\[\]-]{1,60}\s?[=:])|[)\]}](?=[^\s"'`;,&)\]}<>.:\\]))*+"""
)
_REST_OF_LINE = re.compile(r"""(?:[^\n\r"'\\]|\\[^\s"'])*+""")
_STOPS = re.compile(r"""(?<!\\)(\\*+)([\"'`\n])""")
_MAX_VALUE = 65_536  # characters


def read_value(text: str, start: int) -> Value:
    """The value that begins at ``start``; empty if there is none."""
    start = _WRAPPER.match(text, start).end()  # type: ignore[union-attr]  # it also matches the empty string
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return _quoted(text, quote)
    if text.startswith(_CDATA, start):
        start += len(_CDATA)
        end = text.find("]]>", start, start + _MAX_VALUE)
        return Value(start, end if end >= 0 else min(len(text), start + _MAX_VALUE), quoted=True)
    return Value(start, _UNQUOTED.match(text, start).end(), quoted=False)  # type: ignore[union-attr]


def rest_of_line(text: str, start: int) -> Value:
    """Everything up to the end of the line, or to the quote that encloses the line."""
    end = _REST_OF_LINE.match(text, start).end()  # type: ignore[union-attr]
    return Value(start, start + len(text[start:end].rstrip()), quoted=False)


def line_before(text: str, start: int) -> str:
    """The text before ``start`` in its line, at most the last 80 characters."""
    return text[max(0, start - 80) : start].rpartition("\n")[2]


def depth_of(text: str, start: int) -> int:
    """The indentation of a name at ``start`` in characters, including the dash of a list and a quote."""
    before = line_before(text, start)
    return len(before) - len(before.lstrip(" \t-\"'"))


def _quoted(text: str, opening: re.Match[str]) -> Value:
    """The value up to the same quote with as many backslashes before it, or to the end of the line if it is never closed."""
    # Each level of nested text doubles the backslashes and adds one: fewer end an outer text, more belong to an inner one.
    start = opening.end()
    if opening["quote"] is None or len(opening["quote"]) > 1:
        end = text.find(opening[0], start, start + _MAX_VALUE)
        return Value(start, end, quoted=True) if end >= 0 else rest_of_line(text, start)
    quote, level = opening["quote"], _level(opening["slashes"])
    outer = after = -1
    for stop in _STOPS.finditer(text, start, min(len(text), start + _MAX_VALUE)):
        if stop[2] == "\n":
            return Value(start, stop.start() if outer < 0 else outer, quoted=True)
        if stop.start() < after:
            continue
        found = _level(stop[1])
        end = stop.end() - 2**found  # backslashes beyond those of the quote belong to the text
        if stop[2] == quote and found <= level:
            if not stop[1] and end > start and text.startswith(quote, stop.end()):  # 'it''s'
                after = stop.end() + 1
                continue
            return Value(start, end if found == level or outer < 0 else outer, quoted=True)
        if stop[2] == '"' and found <= level and outer < 0:
            outer = end  # of the enclosing text, unless the value's own quote still follows in this line
    end = min(len(text), start + _MAX_VALUE)
    return Value(start, end if outer < 0 else outer, quoted=True)


def _level(slashes: str) -> int:
    """The nesting level of a quote after these backslashes: 0, 1, 3, 7 … are levels 0, 1, 2, 3 …; each further pair is a literal backslash."""
    count = len(slashes)
    level = 0
    while count % 2:
        count //= 2
        level += 1
    return level


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
    """A part of a text that is nested under a secret name."""

    end: int
    level: Strength
    name: str
    is_block: bool  # each name in it starts a line


_NOWHERE = _Extent(0, Strength.NONE, "", is_block=False)


class Nesting:
    """Follows the pairs of one text from beginning to end. Each character is examined for one extent at most."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._extent = _NOWHERE
        self._sections = _sections(text) if "[" in text else iter(())
        self._next = next(self._sections, None)

    def strength(self, start: int, name: str) -> Strength:
        """How secret the value of a name at ``start`` is because of the name that it is nested under."""
        while self._next is not None and self._next[0] <= start:
            self._extent = self._next[1]
            self._next = next(self._sections, None)
        if start >= self._extent.end:
            return Strength.NONE
        if self._extent.is_block and not _AT_LINE_START.fullmatch(line_before(self._text, start)):
            return Strength.NONE
        return nested_strength(name, self._extent.name, self._extent.level)

    def open(self, name: str, level: Strength, start: int, end: int, sign: str) -> None:
        """Opens an extent for a secret name at ``start`` whose value at ``end`` may be a mapping."""
        if start < self._extent.end or level < Strength.STRONG:
            return
        if self._text.startswith("{", end):
            self._extent = _Extent(_end_of_braces(self._text, end), level, name, is_block=False)
        elif sign == ":" and "\n" in self._text[start:end]:
            self._extent = _Extent(_end_of_block(self._text, start), level, name, is_block=True)


def list_below(text: str, start: int, level: Strength) -> tuple[int, int] | None:
    """The start of the first and the end of the last value of a YAML list at ``start``; None if none of them is a secret."""
    found = _ITEMS.match(text, start)
    if found is None:
        return None
    items = []
    for item in _ITEM.finditer(text, start, found.end()):
        if _MAPPING.match(item["value"]):
            break
        items.append(item)
    # Under ``secrets:`` a list of words is a list of names.
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
    """The end of the lines that are indented more than the name at ``start``."""
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
