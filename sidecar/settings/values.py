"""One value: read from text, held against the type of its setting, and both told in words."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, inspect, structs

from .model import Settings

_LONGEST_SHOWN = 100
_NAMED_VALUES = {"true": True, "false": False}


class QuotedTextError(ValueError):
    """The text stands in quotes and is no TOML string."""


def parse_text(text: str) -> Any:
    """The TOML value that a text is, else the text itself.

    Raises:
        QuotedTextError: it stands in quotes and is no TOML string (nearly always a Windows path in double quotes).
    """
    if text in _NAMED_VALUES:
        return _NAMED_VALUES[text]
    if text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        return int(text)
    # No other TOML value begins so; nearly all texts end here and the parser is not imported.
    if not text or (text[0] not in "\"'[{+-0123456789" and text.lower() not in {"inf", "nan"}):
        return text
    import tomllib

    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
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


def allowed(kind: Any) -> str:
    """What a setting of this type takes, in words."""
    return _words(inspect.type_info(kind))


_SIMPLE: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "a text",
    inspect.DictType: 'a table of texts, as in {NAME = "value"}',
}


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types)
        case inspect.LiteralType(values=values):
            return " or ".join(shown(value) for value in values)
        case inspect.IntType():
            return f"a whole number{_range(info)}"
        case inspect.FloatType():
            return f"a number{_range(info)}"
        case inspect.VarTupleType(item_type=item):
            return f'a list, each entry {_words(item)}, as in ["a", "b"]'
        case _:
            return _SIMPLE.get(type(info), "another type")


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    if info.gt is not None:
        return f" above {info.gt:g}, at most {info.le}"
    return f" from {info.ge} to {info.le}" if info.ge is not None else ""


def shown(value: Any) -> str:
    """A value as a message shows it, cut short."""
    if isinstance(value, float) and value != value:  # noqa: PLR0124 -- only NaN differs from itself
        return "nan"
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
