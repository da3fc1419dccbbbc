"""Each setting's comment gives its meaning and, for a number, its unit; docs/settings.md is generated from them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import inspect

from sidecar.settings.model import field_types, sections
from sidecar.settings.words import allowed
from tools.generate import docstrings

from . import facts

_NUMBERS = (inspect.IntType, inspect.FloatType)


def check() -> Iterator[str]:
    """Finds what a row of the page would lack."""
    for section in sections():
        entries = docstrings.entries(docstrings.section_kind(section))
        for key, kind in field_types(section).items():
            info, takes, entry = inspect.type_info(kind), allowed(kind, brief=True), entries.get(key)
            is_number = isinstance(info.type if isinstance(info, inspect.Metadata) else info, _NUMBERS)
            yield from facts(
                f"sidecar/settings/model.py: {section}.{key}",
                (entry is not None, "has no comment that says what it means"),
                ("another type" not in takes and "None" not in takes, f"{takes!r} says nothing of the type"),
                (
                    entry is None or bool(entry.unit) == is_number,
                    "a number needs a unit" if is_number else "only a number has a unit",
                ),
            )
