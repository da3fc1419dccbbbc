"""One value: read from text, and held against the type of its setting."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, structs

from .model import Settings

_MOST_DIGITS = 20  # more would fit no setting
_NAMED_VALUES = {"true": True, "false": False}


class QuotedTextError(ValueError):
    """The text is in quotes and is not a TOML string."""


def parse_text(text: str) -> Any:
    """The TOML value that a text is, else the text itself.

    Raises:
        QuotedTextError: it is in quotes and is not a TOML string (nearly always a Windows path in double quotes).
    """
    if text in _NAMED_VALUES:
        return _NAMED_VALUES[text]
    if text.isascii() and text.isdigit() and (text[0] != "0" or text == "0") and len(text) < _MOST_DIGITS:
        return int(text)
    # No other TOML value begins so; nearly all texts end here and the parser is not imported.
    if not text or (text[0] not in "\"'[{+-0123456789" and text.lower() not in {"inf", "nan"}):
        return text
    import tomllib

    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # ValueError: not TOML, or a number beyond sys.get_int_max_str_digits()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            raise QuotedTextError(text) from None
        return text
    return document["value"] if len(document) == 1 else text


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
