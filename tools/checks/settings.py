"""Each setting has a row in docs/settings.md with its default, meaning and, for a number, unit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import msgspec
from msgspec import inspect

from sidecar.settings.model import Settings, field_types, sections
from tools.generate import docstrings, settings_page

from . import facts

_NUMBERS = (inspect.IntType, inspect.FloatType)


def check() -> Iterator[str]:
    """What the page, or a docstring from which it is made, leaves out."""
    text = settings_page.page()
    rows = _rows(text)
    for section in sections():
        if list(docstrings.entries(docstrings.section_kind(section))) != list(field_types(section)):
            yield f"sidecar/settings/model.py: the docstring of section {section} does not list exactly its keys, in order"
        for key in field_types(section):
            yield from _row(section, key, rows.get(f"{section}.{key}"))


def _rows(page: str) -> dict[str, list[str]]:
    """Setting → the other cells of its row."""
    cells = (
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in page.splitlines() if line[:1] == "|"
    )
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == 5 and "." in row[0]}


def _row(section: str, key: str, row: list[str] | None) -> Iterator[str]:
    if row is None:
        yield f"docs/settings.md: {section}.{key} has no row"
        return
    takes, unit, default, meaning = row
    value = msgspec.to_builtins(getattr(getattr(Settings(), section), key))
    kind = inspect.type_info(field_types(section)[key])
    is_number = isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, _NUMBERS)
    yield from facts(
        f"docs/settings.md: {section}.{key}",
        (tomllib.loads(f"x = {default.strip('`')}")["x"] == _toml(value), f"{default} is not the default"),
        (takes not in {"", "another type"} and "None" not in takes, f"{takes!r} says nothing of the type"),
        (bool(meaning), "has no meaning"),
        (bool(unit) == is_number, "a number needs a unit" if is_number else "only a number has a unit"),
    )


def _toml(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
