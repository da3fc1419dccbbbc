"""Combines all sources into the values of the settings, and collects the mistakes, without importing msgspec."""

from __future__ import annotations

from . import checks
from .profiles import DEFAULT_PROFILE, PROFILES, Profile
from .sources import Given, Source, from_environment, from_file, from_flags
from .table import TABLE
from .texts import BYTES, SECONDS, quantity

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .model import Settings
    from .table import Entry

MAX_MISTAKES = 50  # that are described; a file may have ten thousands

_UNITS: dict[str, dict[str, float]] = {"seconds": SECONDS, "bytes": BYTES}
_ITEMS: dict[str, Entry] = {"texts": (None, "text", None, None, ()), "ports": (None, "whole", 1, 65_535, ())}


def collect(
    config: str | None,
    profile: str | None,
    overrides: Sequence[str],
    command: Sequence[str] | None,
    environ: Mapping[str, str],
) -> Merge:
    """Merges flags over environment over file over profile; see ``load`` for the arguments."""
    flags = from_flags(overrides)
    if profile is not None:
        flags.given.append(Given("", "profile", profile, "--profile", text=profile))
    sources = [*([from_file(config)] if config is not None else []), from_environment(environ), flags]
    merge = Merge()
    for given in (given for source in sources for given in source.given if not given.section):
        merge.choose_profile(given)
    preset = PROFILES[merge.profile]
    if not preset.variables.keys().isdisjoint(environ):
        sources.insert(-2, from_profile(preset, environ))
        merge.has_legacy = True
    if command is not None:
        if command:
            flags.given.append(Given("backend", "command", list(command), "command line"))
        else:
            flags.mistakes.append("command line: nothing follows --; write -- COMMAND ARGUMENT…")
    for source in sources:
        merge.mistakes.extend(source.mistakes)
        merge.notes.extend(source.notes)
        for given in source.given:
            if given.section:
                merge.add(given)
    return merge


class Section:
    """Has the attributes of a Struct of model.py."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values


def quick_settings(merge: Merge) -> Settings | None:
    """The settings as ``load`` returns them; None if something is wrong, or the profile's own variables are set."""
    if merge.mistakes or merge.has_legacy:
        return None
    values = merge.values()
    settings: Any = Section({"profile": merge.profile})
    for section, entries in TABLE.items():
        defaults = {key: entry[0] for key, entry in entries.items()}
        setattr(settings, section, Section(defaults | values.get(section, {})))
    return None if any(checks.mistakes(settings, {}, set())) else settings


class Merge:
    """Collects values; a later one replaces an earlier one. ``origins``: name of a setting → where it was given."""

    def __init__(self) -> None:
        self.origins: dict[str, str] = {}
        self.bad: set[str] = set()  # settings whose value was wrong
        self.mistakes: list[str] = []
        self.left_out = 0  # mistakes that were only counted
        self.notes: list[str] = []
        self.has_legacy = False  # the profile's own variables are set
        self.profile = DEFAULT_PROFILE
        self._values: dict[str, dict[str, Any]] = {}

    def add(self, given: Given) -> None:
        """Adds a value, or a mistake if its name is unknown or its type or range is wrong."""
        known = TABLE.get(given.section, {})
        if known and not given.key:
            return  # an empty section
        entry = known.get(given.key)
        if entry is None or (given.entry is not None and entry[1] != "table"):
            self._complain(lambda: f"{given.origin}: {_unknown(given)}")
            return
        try:
            value = _converted(given, entry if given.entry is None else _ITEMS["texts"])
        except ValueError:
            self.bad.add(f"{given.section}.{given.key}")
            self._complain(lambda: f"{given.origin}: {given.name} is {_shown(given)}; allowed: {_allowed(given)}")
            return
        section = self._values.setdefault(given.section, {})
        if given.entry is not None:
            section.setdefault(given.key, {})[given.entry] = value
        else:
            section[given.key] = value
        self.origins[f"{given.section}.{given.key}"] = given.origin

    def _complain(self, describe: Callable[[], str]) -> None:
        """Adds a mistake; of many only the number, because each description takes milliseconds."""
        if len(self.mistakes) < MAX_MISTAKES:
            self.mistakes.append(describe())
        else:
            self.left_out += 1

    def choose_profile(self, given: Given) -> None:
        if isinstance(given.value, str) and given.value in PROFILES:
            self.profile = given.value
            self.origins["profile"] = given.origin
            return
        from .words import close_to, shown

        close = close_to(str(given.value), PROFILES)
        takes = " or ".join(shown(name) for name in PROFILES)
        self.mistakes.append(f"{given.origin}: profile is {shown(given.value)}; allowed: {takes}{close}")

    def values(self) -> dict[str, dict[str, Any]]:
        preset = PROFILES[self.profile].settings
        return {name: {**preset.get(name, {}), **self._values.get(name, {})} for name in (*preset, *self._values)}


def _converted(given: Given, entry: Entry) -> Any:
    """The value converted to its setting's type. ValueError: its type or range is wrong."""
    try:
        return _convert(given.value, entry)
    except ValueError:
        # Text such as 1.10 is parsed as a number; if the setting takes only text, text was meant.
        if given.text is None:
            raise
        return _convert(given.text, entry)


def _convert(value: Any, entry: Entry) -> Any:
    _default, kind, low, high, choices = entry
    if isinstance(value, str):
        if value in choices or (kind == "text" and not choices):
            return value
        number = quantity(value, _UNITS[kind]) if kind in _UNITS else None
        value = int(number) if number is not None and number.is_integer() else number
    if kind == "flag" and isinstance(value, bool):
        return value
    if kind in _ITEMS and isinstance(value, list):
        return tuple(_convert(item, _ITEMS[kind]) for item in value)
    if kind in {"whole", "bytes"} and type(value) is int and low <= value <= high:
        return value
    if kind in {"number", "seconds"} and type(value) in {int, float} and low <= value <= high:
        return float(value)
    raise ValueError(value)


def _allowed(given: Given) -> str:
    from .model import field_types
    from .words import allowed

    return allowed(field_types(given.section)[given.key] if given.entry is None else str)


def _unknown(given: Given) -> str:
    from .words import suggestion

    known = TABLE.get(given.section)
    if known is None:
        return f"unknown section [{given.section}]{suggestion(given.section, TABLE)}"
    name = f"{given.section}.{given.key}"
    if given.entry is not None and given.key in known:
        return f"{name} has no keys"
    return f"unknown setting {name}{suggestion(name, [f'{given.section}.{key}' for key in known])}"


def _shown(given: Given) -> str:
    from .masking import MASK, looks_secret, mask_text
    from .words import shown

    if given.entry is not None and looks_secret(given.entry):
        return MASK
    return mask_text(shown(given.value))


def from_profile(profile: type[Profile], environ: Mapping[str, str]) -> Source:
    """The settings from the profile's variables. An empty variable counts as not set."""
    source = Source()
    for name, (form, section, keys) in profile.variables.items():
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            value = _value(form, text)
        except ValueError as error:
            source.mistakes.append(f"{name}: is {text!r}; allowed: {error}")
            continue
        source.given.extend(Given(section, key, value, name) for key in keys)
    return source


def _value(form: str, text: str) -> str | float | bool:
    match form:
        case "flag" if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case "flag":
            raise ValueError("true or false")
        case "milliseconds":
            try:
                return float(text) / 1000
            except ValueError:
                raise ValueError("a number of milliseconds") from None
        case "path":
            return text if text.startswith("/") else f"/{text}"
        case _:
            return text
