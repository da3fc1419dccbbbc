"""Checks of style and documents. Each module's ``check`` yields one line for each finding: ``path[:line]: what is wrong``."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet


def unknown(path: str, what: str, named: AbstractSet[str], known: AbstractSet[str]) -> Iterator[str]:
    """A finding for each name that is not known."""
    for name in sorted(named - known):
        yield f"{path}: {name} is not a {what}"


def facts(path: str, *pairs: tuple[bool, str]) -> Iterator[str]:
    """A finding for each statement that is not true."""
    for true, text in pairs:
        if not true:
            yield f"{path}: {text}"


def missing(path: str, text: str, *sentences: str) -> Iterator[str]:
    """A finding for each sentence that a text lacks: the page states a value that the product no longer has."""
    for sentence in sentences:
        if sentence not in text:
            yield f"{path}: does not say {sentence!r}"
