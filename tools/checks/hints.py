"""Every ``hint=`` of an error in the source is a sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools import PACKAGE, ROOT


def check() -> Iterator[str]:
    """Checks that each hint ends with a full stop, or with a command to type."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, text in unfinished(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT).as_posix()}:{line}: the hint is not a sentence: {text}"


def unfinished(source: str) -> Iterator[tuple[int, str]]:
    """Yields line and last words of each hint that does not end as a sentence."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            text = node.value
            last = text.values[-1] if isinstance(text, ast.JoinedStr) else text
            if isinstance(last, ast.Constant) and isinstance(last.value, str) and not last.value.endswith(tuple('.)"')):
                yield node.value.lineno, last.value
