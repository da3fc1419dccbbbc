"""Words to one Windows command line."""

from __future__ import annotations

_SPACE = frozenset(" \t")


def command_line(words: list[str]) -> str:
    """A line that the C runtime, .NET and CommandLineToArgvW split into these words again (Parsing C command-line arguments)."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word and '"' not in word and _SPACE.isdisjoint(word):
        return word
    *parts, last = word.split('"')
    quotes = "".join(f'{part}{_trailing(part)}\\"' for part in parts)
    if word and _SPACE.isdisjoint(word):
        return quotes + last
    return f'"{quotes}{last}{_trailing(last)}"'


def _trailing(text: str) -> str:
    return "\\" * (len(text) - len(text.rstrip("\\")))
