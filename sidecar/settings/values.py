"""One value, held against the type of its setting."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, structs

from .model import Settings
from .texts import quantity


@cache
def field_types(section: str) -> dict[str, Any]:
    """Key → type of one section of the settings; empty if the section does not exist."""
    kind = {field.name: field.type for field in structs.fields(Settings)}.get(section)
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return {}
    return {field.name: field.type for field in structs.fields(kind)}


def sections() -> list[str]:
    """The names of all sections."""
    return [field.name for field in structs.fields(Settings) if field_types(field.name)]


def convert(value: Any, kind: Any) -> Any:
    """The value as its setting holds it, also of a text with a unit. msgspec.ValidationError: of another type or out of range."""
    if isinstance(value, str):
        for meta in getattr(kind, "__metadata__", ()):
            number = quantity(value, meta.extra["units"]) if meta.extra else None
            if number is not None:
                value = int(number) if number.is_integer() else number
    return msgspec.convert(value, kind, strict=True)
