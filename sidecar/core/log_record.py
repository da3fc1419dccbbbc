"""A line of a log in JSON, as the text that it is for people. Pure."""

from __future__ import annotations

import re
from typing import Any

# The names that Pino, Winston, zap, MongoDB, logrus, structlog, Serilog and Python's JSON formatters give them.
_LEVELS = ("level", "levelname", "severity", "lvl", "@l", "log.level", "s")
_MESSAGES = ("msg", "message", "event", "@m", "@mt")
_ERRORS = ("err", "error", "exception", "exc_info", "stack", "@x", "attr")
_NUMBERS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}  # of Pino and Bunyan
_LETTERS = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}  # of MongoDB
_HARMLESS = {"TRACE", "DEBUG", "INFO", "INFORMATION", "NOTICE", "WARN", "WARNING"}


def readable(line: str) -> str:
    """The line, or where it is a record in JSON: level and message, below them the error without its JavaScript or .NET frames."""
    if not (line.startswith("{") and line.rstrip().endswith("}")):
        return line
    from msgspec import DecodeError, json  # only what explains a failure needs it

    try:
        record = json.decode(line)
    except (DecodeError, ValueError, RecursionError):
        return line
    message = _first(record, _MESSAGES)
    errors = [_error(record[name]) for name in _ERRORS if record.get(name)]
    if not message and not any(errors):
        return line
    level = next((record[name] for name in _LEVELS if name in record), "")
    level = (_NUMBERS.get(level, "") if isinstance(level, int) else _LETTERS.get(str(level), str(level))).upper()
    head = f"{level}: {message}" if level else message
    if level in _HARMLESS:
        return " ".join(head.splitlines())
    return "\n".join(filter(None, dict.fromkeys([head, *(error for error in errors if error != message)])))


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((record[name] for name in names if isinstance(record.get(name), str)), "")


def _error(value: object) -> str:
    if isinstance(value, dict):
        value = _first(value, ("stack", "message", "error"))
    return re.split(r"\n[ \t]{1,40}at ", value, maxsplit=1)[0] if isinstance(value, str) else ""
