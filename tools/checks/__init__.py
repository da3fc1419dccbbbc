"""Checks of style and documents. Each module's ``check`` yields one line per finding: ``path[:line]: what is wrong``."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet


def unknown(path: str, what: str, named: AbstractSet[str], known: AbstractSet[str]) -> Iterator[str]:
    """Yields a finding for each unknown name."""
    for name in sorted(named - known):
        yield f"{path}: {name} is not a {what}"


def facts(path: str, *pairs: tuple[bool, str]) -> Iterator[str]:
    """Yields a finding for each statement that is not true."""
    for true, text in pairs:
        if not true:
            yield f"{path}: {text}"


def missing(path: str, text: str, *sentences: str) -> Iterator[str]:
    """Yields a finding for each sentence that a text lacks: the page states a value that is out of date."""
    for sentence in sentences:
        if sentence not in text:
            yield f"{path}: does not say {sentence!r}"
