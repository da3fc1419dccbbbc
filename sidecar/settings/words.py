"""Values and types in words, for messages about mistakes; imported only when there is one."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

_MAX_SHOWN = 100


def allowed(kind: Any, *, brief: bool = False) -> str:
    """Describes what a setting of this type takes; ``brief``: without the unit of a number or the form with a unit."""
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.Metadata):
        return _words(info)
    number, extra = _words(info.type), info.extra or {}
    if brief:
        return number
    named = number.replace("number", f"number of {extra['named']}")
    return f"{named}, or a string with a unit, as in {extra['example']}"


_SIMPLE: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "a string",
    inspect.DictType: 'a table of strings, as in {NAME = "value"}',
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
            return f"a list of {_plural(item)}"
        case _:
            return _SIMPLE.get(type(info), "another type")


def _plural(info: inspect.Type) -> str:
    if isinstance(info, inspect.IntType):
        return f"whole numbers{_range(info)}, as in [8080, 8081]"
    return 'strings, as in ["a", "b"]'


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    if info.gt is not None:
        return f" above {info.gt:g}, at most {info.le}"
    if info.lt is not None:
        return f" from {info.ge}, below {info.lt:g}"
    return f" from {info.ge} to {info.le}" if info.ge is not None else ""


def shown(value: Any) -> str:
    """A value as a message shows it, cut short."""
    if isinstance(value, float) and not math.isfinite(value):  # JSON has neither nan nor inf
        return str(value)
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        try:
            text = repr(value)
        except ValueError:  # a number with more digits than Python converts
            text = "a number that is too large"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` if a known name is similar, else the list of known names."""
    names = sorted(known)
    return close_to(name, names) or f"; known: {', '.join(names)}"


def close_to(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` if a known name is similar, else an empty string."""
    import difflib

    names = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name[:_MAX_SHOWN].lower(), names, n=1, cutoff=0.6)
    return f"; did you mean {names[close[0]]}?" if close else ""
