"""Secrets that only the column of a statement names: INSERT INTO users (name, password) VALUES ('anna', 'x')."""

from __future__ import annotations

import re

from .names import Replace, Strength, is_harmless, strength

_INSERT = re.compile(
    r"(?i:\b(?:insert|replace)(?: or \w{1,10}| ignore)?(?: into)?) [\w.\"`\[\]]{1,100} ?\((?P<columns>[^()]{1,2000}+)\)\s{1,8}(?i:values)\s{0,8}"
)
_VALUE = re.compile(r"[NEeBx]?'(?P<text>(?:''|\\.|[^'\\]){0,4000}+)'|[^\s,'()]++(?:\([^()']{0,200}+\))?+")
_ROW_END = re.compile(r"\s{0,8}\)")
_NEXT = re.compile(r"\s{0,8},\s{0,8}")
_NEXT_ROW = re.compile(r"\s{0,8},?\s{0,8}\(\s{0,8}")


def mask_statements(text: str, replace: Replace) -> str:
    """The text without the values of secret columns in INSERT statements."""
    if "VALUES" not in text and "values" not in text:
        return text
    pieces: list[str] = []
    done = 0
    for insert in _INSERT.finditer(text):
        names = [name.strip().strip('"`[]') for name in insert["columns"].split(",")]
        levels = [strength(name) for name in names]
        if insert.start() < done or max(levels) < Strength.STRONG:
            continue
        at = insert.end()
        while (row := _NEXT_ROW.match(text, at)) is not None:
            at = row.end()
            for name, level in zip(names, levels, strict=True):
                value = _VALUE.match(text, at)
                if value is None:
                    break
                if value["text"] and level >= Strength.STRONG and not is_harmless(value["text"], level):
                    start, end = value.span("text")
                    pieces += (text[done:start], replace(f"value of {name}", value["text"]))
                    done = end
                at = value.end()
                following = _NEXT.match(text, at)
                at = following.end() if following is not None else at
            end_of_row = _ROW_END.match(text, at)
            if end_of_row is None:
                break
            at = end_of_row.end()
    pieces.append(text[done:])
    return "".join(pieces)
