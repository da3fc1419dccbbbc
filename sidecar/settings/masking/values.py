"""Where a value begins and ends that is written behind a name, in whatever notation."""

from __future__ import annotations

import re
from typing import NamedTuple


class Value(NamedTuple):
    """Where the text of a value stands, without its quotes."""

    start: int
    end: int
    quoted: bool


# !!str …, b"…", Some("…"), String("…"), SecretStr('…'): what stands between the separator and the quote.
_WRAPPER = re.compile(
    r"(?:!{1,2}\w{1,20}[ ]{1,4})?(?:string\(\d{1,5}\)[ ]|\(string\)[ ](?:\(len=\d{1,6}\)[ ])?|(?:str|bytes|string|(?:[\w.]{1,30}\.)?[A-Z]\w{0,30})\(|<<(?=\"))?(?:[bBrRuUfF@$]{1,2}(?=[\"']))?"
)
_QUOTE = re.compile(
    # Two, where a text within a text doubles them: CSV, SQL, Visual Basic.
    r"(?P<slashes>\\{0,15})(?P<quote>\"{3}|'{3}|\"{2}(?=[\w$@!#+*?~^-])|[\"'`])|&quot;|&#(?:0?3[49]|x2[27]);|&apos;|%(?:25)?2[27]|\\{1,8}u002[27]",
    re.IGNORECASE,
)
_CDATA = "<![CDATA["
# Up to what usually ends a word; a comma, a semicolon, & and a bracket are part of it where the word goes on behind it.
_UNQUOTED = re.compile(
    r"""(?:[^\s"'`<>;,&\\)\]}|]|\\[^\s"']|\\[ ](?=\w)|["'](?=[A-Za-z0-9])|[;,&|](?![\s;,&|"'`<\]})]|$|[\w.%\[\]-]{1,60}\s?[=:])|[)\]}](?=[^\s"'`;,&)\]}<>.:\\]))*+"""
)
_REST_OF_LINE = re.compile(r"""(?:[^\n\r"'\\]|\\[^\s"'])*+""")
_STOPS = re.compile(r"""(?<!\\)(\\*+)([\"'`\n])""")
_LONGEST = 65_536


def read_value(text: str, start: int) -> Value:
    """The value that begins at ``start``; an empty one where nothing stands there."""
    start = _WRAPPER.match(text, start).end()  # type: ignore[union-attr]  # it matches nothing, too
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return _quoted(text, quote)
    if text.startswith(_CDATA, start):
        start += len(_CDATA)
        end = text.find("]]>", start, start + _LONGEST)
        return Value(start, end if end >= 0 else min(len(text), start + _LONGEST), quoted=True)
    return Value(start, _UNQUOTED.match(text, start).end(), quoted=False)  # type: ignore[union-attr]


def rest_of_line(text: str, start: int) -> Value:
    """All up to the end of the line, or to a quote in which the line stands."""
    end = _REST_OF_LINE.match(text, start).end()  # type: ignore[union-attr]
    return Value(start, start + len(text[start:end].rstrip()), quoted=False)


def line_before(text: str, start: int) -> str:
    """What stands before ``start`` in its line; of a longer one the last 80 characters."""
    return text[max(0, start - 80) : start].rpartition("\n")[2]


def depth_of(text: str, start: int) -> int:
    """By how many characters a name at ``start`` is indented, with the dash of a list and a quote."""
    before = line_before(text, start)
    return len(before) - len(before.lstrip(" \t-\"'"))


def _quoted(text: str, opening: re.Match[str]) -> Value:
    """To the same quote with as many backslashes before it; to the end of the line where it is never closed.

    Each level of a text within a text doubles the backslashes and adds one: fewer end an outer text, more belong to an inner one.
    """
    start = opening.end()
    if opening["quote"] is None or len(opening["quote"]) > 1:
        end = text.find(opening[0], start, start + _LONGEST)
        return Value(start, end, quoted=True) if end >= 0 else rest_of_line(text, start)
    quote, level = opening["quote"], _level(opening["slashes"])
    outer = after = -1
    for stop in _STOPS.finditer(text, start, min(len(text), start + _LONGEST)):
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
            outer = end  # of a text around this one, unless the own quote still follows in this line
    end = min(len(text), start + _LONGEST)
    return Value(start, end if outer < 0 else outer, quoted=True)


def _level(slashes: str) -> int:
    """How many texts a quote behind so many backslashes is within: 0, 1, 3, 7 … of them, each pair beyond being a backslash."""
    count = len(slashes)
    level = 0
    while count % 2:
        count //= 2
        level += 1
    return level
