"""``{host}`` and ``{port}`` in commands and variables. Other braces stay: an argument may well be JSON."""

from __future__ import annotations

from collections.abc import Iterable


def fill(text: str, host: str, port: int) -> str:
    """The text with both filled in; port 0 lets the backend choose (``port = "reported"``)."""
    return text.replace("{host}", host).replace("{port}", str(port))


def fill_all(words: Iterable[str], host: str, port: int) -> tuple[str, ...]:
    """The words of a command, each filled."""
    return tuple(fill(word, host, port) for word in words)
