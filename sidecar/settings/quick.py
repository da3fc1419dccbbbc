"""The settings before msgspec is imported: all of them, or nothing; load has the words for what is not plainly right."""

from __future__ import annotations

from . import checks
from .profiles import DEFAULT_PROFILE, PROFILES
from .sources import from_environment, from_file, from_flags
from .table import TABLE

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .model import Settings
    from .sources import Given


class Section:
    """Attributes as a Struct of model.py has them."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values


class _UncertainError(Exception):
    """A value is not plainly right."""


def quick_settings(
    config: str | None,
    profile: str | None,
    overrides: Sequence[str],
    command: Sequence[str] | None,
    environ: Mapping[str, str],
) -> Settings | None:
    """What load would give for the same arguments; None if that cannot be decided cheaply."""
    sources = [from_environment(environ), from_flags(overrides)]
    if config is not None:
        sources.insert(0, from_file(config))
    if any(source.mistakes for source in sources):
        return None
    given = [one for source in sources for one in source.given]
    chosen = [one.value for one in given if not one.section]
    name = profile or (chosen[-1] if chosen else DEFAULT_PROFILE)
    if any(one not in PROFILES for one in (name, *chosen)) or not PROFILES[name].variables.keys().isdisjoint(environ):
        return None
    values: dict[str, dict[str, Any]] = {section: {} for section in TABLE}
    try:
        for one in given:
            if one.section:
                _settle(one, values)
    except (KeyError, _UncertainError):
        return None
    if command is not None:
        values["backend"]["command"] = tuple(command)
    preset = PROFILES[name].settings
    settings: Any = Section({"profile": name})
    for section, kinds in TABLE.items():
        defaults = {key: entry[0] for key, entry in kinds.items()}
        setattr(settings, section, Section({**defaults, **preset.get(section, {}), **values[section]}))
    return None if any(checks.mistakes(settings, {}, set())) else settings


def _settle(given: Given, values: dict[str, dict[str, Any]]) -> None:
    """Raises KeyError, _UncertainError."""
    kinds = TABLE[given.section]
    if not given.key:
        return
    _default, kind, low, high, choices = kinds[given.key]
    section = values[given.section]
    if given.entry is not None:
        if kind != "table":
            raise _UncertainError
        section.setdefault(given.key, {})[given.entry] = _converted(given, "text", low, high, ())
    else:
        section[given.key] = _converted(given, kind, low, high, choices)


def _converted(given: Given, kind: str, low: Any, high: Any, choices: tuple[str, ...]) -> Any:
    for value in (given.value, given.text):  # a text such as 1.10 reads as a number
        if isinstance(value, str) and (value in choices if choices else kind == "text"):
            return value
        if kind == "flag" and isinstance(value, bool):
            return value
        if kind == "texts" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if kind == "whole" and type(value) is int and low <= value <= high:
            return value
        if kind == "number" and type(value) is not bool and isinstance(value, int | float) and low <= value <= high:
            return float(value)
    raise _UncertainError
