"""One value, held against the type of its setting."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, structs

from .model import Settings


@cache
def field_types(section: str) -> dict[str, Any]:
    """Key → type of one section of the settings; empty where there is no such section."""
    kind = {field.name: field.type for field in structs.fields(Settings)}.get(section)
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return {}
    return {field.name: field.type for field in structs.fields(kind)}


def sections() -> list[str]:
    """The names of all sections."""
    return [field.name for field in structs.fields(Settings) if field_types(field.name)]


def convert(value: Any, kind: Any) -> Any:
    """The value as its setting holds it.

    Raises:
        msgspec.ValidationError: it is of another type or out of range.
    """
    return msgspec.convert(value, kind, strict=True)
