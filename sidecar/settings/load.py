"""From everything that the user gave to one Settings, or to one error that lists every mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, structs

from ..errors import InvalidConfigError
from . import checks
from .model import Settings
from .profiles import DEFAULT_PROFILE, PROFILES
from .sources import Given, Source, from_environment, from_file, from_flags
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


class Loaded(Struct, frozen=True):
    """Settings in force."""

    settings: Settings
    notes: list[str]  # sentences for the log
    origins: dict[str, str]  # name of a setting (backend.port) → where it was given, unless by default


def load(
    *,
    config: str | None = None,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    command: Sequence[str] | None = None,
    environ: Mapping[str, str],
) -> Loaded:
    """Merges flags over environment over file over profile over defaults.

    ``config``: path of a TOML file; ``profile`` outranks every other choice of one; ``overrides``: ``section.key=value``, the
    later one wins; ``command``: after ``--``. InvalidConfigError: every mistake of every source, one on each line.
    """
    flags = from_flags(overrides)
    if profile is not None:
        flags.given.append(Given("", "profile", profile, "--profile", text=profile))
    sources = [*([from_file(config)] if config is not None else []), from_environment(environ), flags]
    merge = _Merge()
    for given in (given for source in sources for given in source.given if not given.section):
        merge.choose_profile(given)
    preset = PROFILES[merge.profile]
    if not preset.variables.keys().isdisjoint(environ):
        from .legacy import from_profile

        sources.insert(-2, from_profile(preset, environ))
    if command is not None:
        if command:
            flags.given.append(Given("backend", "command", list(command), "command line"))
        else:
            flags.mistakes.append("command line: nothing follows --; write -- COMMAND ARGUMENT…")
    for source in sources:
        merge.add(source)
    settings = merge.settings()
    merge.mistakes.extend(checks.mistakes(settings, merge.origins, merge.bad))
    if merge.mistakes:
        unique = list(dict.fromkeys(merge.mistakes))
        title = "The settings are wrong" if len(unique) == 1 else f"The settings have {len(unique)} mistakes"
        raise InvalidConfigError("\n".join([f"{title}:", *(f"- {mistake}" for mistake in unique)]))
    settings, notes = checks.normalise(settings, merge.origins)
    notes = [*(note for source in sources for note in source.notes), *notes]
    notes += [*checks.placeholder_notes(settings.backend), *checks.port_notes(settings.backend)]
    return Loaded(settings, notes, merge.origins)


class _Merge:
    """Values as they pile up, the last one of a name on top."""

    def __init__(self) -> None:
        self.origins: dict[str, str] = {}
        self.bad: set[str] = set()
        self.mistakes: list[str] = []
        self.profile = DEFAULT_PROFILE
        self._values: dict[str, dict[str, Any]] = {}

    def add(self, source: Source) -> None:
        self.mistakes.extend(source.mistakes)
        for given in source.given:
            if given.section:
                self._add(given)

    def _add(self, given: Given) -> None:
        types = field_types(given.section)
        if types and not given.key:
            return  # an empty section
        kind = types.get(given.key)
        if kind is None or (given.entry is not None and kind != dict[str, str]):
            self.mistakes.append(f"{given.origin}: {_unknown(given, types)}")
        else:
            self._settle(given, kind if given.entry is None else str)

    def _settle(self, given: Given, kind: Any) -> None:
        try:
            value = _converted(given, kind)
        except (msgspec.ValidationError, OverflowError):
            from .words import allowed

            self.bad.add(f"{given.section}.{given.key}")
            self.mistakes.append(f"{given.origin}: {given.name} is {_shown(given)}; allowed: {allowed(kind)}")
            return
        section = self._values.setdefault(given.section, {})
        if given.entry is not None:
            section.setdefault(given.key, {})[given.entry] = value
        else:
            section[given.key] = value
        self.origins[f"{given.section}.{given.key}"] = given.origin

    def choose_profile(self, given: Given) -> None:
        if isinstance(given.value, str) and given.value in PROFILES:
            self.profile = given.value
            self.origins["profile"] = given.origin
            return
        from .words import close_to, shown

        close = close_to(str(given.value), PROFILES)
        takes = " or ".join(shown(name) for name in PROFILES)
        self.mistakes.append(f"{given.origin}: profile is {shown(given.value)}; allowed: {takes}{close}")

    def settings(self) -> Settings:
        """What was chosen, above the profile, above the defaults."""
        preset = PROFILES[self.profile].settings
        whole = {
            section: {**preset.get(section, {}), **self._values.get(section, {})}
            for section in (*preset, *self._values)
        }
        return msgspec.convert({"profile": self.profile, **whole}, Settings)


def _converted(given: Given, kind: Any) -> Any:
    """The value as its setting holds it. msgspec.ValidationError: it is of another type or out of range."""
    try:
        return _convert(given.value, kind)
    except msgspec.ValidationError:
        # A text such as 1.10 reads as a number; where only a text will do, it was meant as one.
        if given.text is None:
            raise
        return _convert(given.text, kind)


def _convert(value: Any, kind: Any) -> Any:
    if isinstance(value, str):  # perhaps with a unit
        for meta in getattr(kind, "__metadata__", ()):
            number = quantity(value, meta.extra["units"]) if meta.extra else None
            if number is not None:
                value = int(number) if number.is_integer() else number
    return msgspec.convert(value, kind, strict=True)


def _unknown(given: Given, types: Mapping[str, Any]) -> str:
    from .words import suggestion

    if not types:
        return f"unknown section [{given.section}]{suggestion(given.section, sections())}"
    if given.entry is not None and given.key in types:
        return f"{given.section}.{given.key} has no keys"
    name = f"{given.section}.{given.key}"
    return f"unknown setting {name}{suggestion(name, [f'{given.section}.{key}' for key in types])}"


def _shown(given: Given) -> str:
    from .masking import MASK, looks_secret, mask_text
    from .words import shown

    if given.entry is not None and looks_secret(given.entry):
        return MASK
    return mask_text(shown(given.value))
