"""Parses values from the environment and the flags."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

_MAX_DIGITS = 20  # a longer number fits no setting
_NAMED_VALUES = {"true": True, "false": False}

AUTO_PATH = "auto"
HEALTH_PATHS = ("/health", "/healthz")  # the paths that ``backend.live_path = "auto"`` tries, in this order

REPORTED_PATTERN = r"Now listening on: (http://\S+)"  # how ASP.NET Core prints its address; the default

SECONDS: dict[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
BYTES: dict[str, float] = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def named(path: str) -> str:
    """An endpoint's path for a message."""
    return " or ".join(HEALTH_PATHS) if path == AUTO_PATH else path


def quantity(text: str, units: dict[str, float]) -> float | None:
    """The value of a number with a unit, such as ``20s`` or ``1.5 GiB``; None for any other text."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    factor = units.get(text.strip()[len(number) :].lower())
    try:
        value = float(number)
    except ValueError:
        return None
    return None if factor is None else round(value * factor, 6)


class QuotedTextError(ValueError):
    """The text is in quotes and is not a TOML string."""


def _plain_string(text: str) -> str | None:
    """The content of a quoted text whose only escapes are doubled backslashes (Windows paths); None for any other text."""
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] and inner.isprintable():
        if text[0] == "'" and "'" not in inner:
            return inner
        if text[0] == '"' and not set(inner.replace("\\\\", "")) & {'"', "\\"}:
            return inner.replace("\\\\", "\\")
    return None


def _plain_value(text: str) -> Any:
    """A string, an array or an inline table of strings as above; None for any other text."""
    parts = text[1:-1].split(",")  # a comma within a string leaves parts that are not strings
    if text[0] + text[-1] == "[]":
        array = [_plain_string(part.strip(" ")) for part in parts]
        return None if None in array else array
    if text[0] + text[-1] == "{}":
        pairs = [part.partition("=") for part in parts]
        table = {_plain_string(key.strip(" ")): _plain_string(value.strip(" ")) for key, _, value in pairs}
        return None if None in {*table, *table.values()} or len(table) < len(parts) else table
    return _plain_string(text)


def parse_text(text: str) -> Any:
    """The TOML value of a text, else the text. QuotedTextError: it is in quotes but is not a TOML string (such as a Windows path)."""
    if text in _NAMED_VALUES:
        return _NAMED_VALUES[text]
    if text.isascii() and text.isdigit() and (text[0] != "0" or text == "0") and len(text) < _MAX_DIGITS:
        return int(text)
    # All other TOML values begin with one of these. Nearly all texts end here, and the parser is not imported.
    if not text or (text[0] not in "\"'[{+-0123456789" and text.lower() not in {"inf", "nan"}):
        return text
    # client.js writes most settings in this form; importing the parser takes 9 ms.
    if (plain := _plain_value(text)) is not None:
        return plain
    import tomllib

    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # ValueError: not TOML, or a number beyond sys.get_int_max_str_digits()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            raise QuotedTextError(text) from None
        return text
    return document["value"] if len(document) == 1 else text
