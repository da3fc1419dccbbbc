"""Variables of a profile's existing launch scripts, which keep working."""

from __future__ import annotations

from collections.abc import Mapping

from .profiles import Profile
from .sources import Given, Source


def from_profile(profile: type[Profile], environ: Mapping[str, str]) -> Source:
    """The settings that these variables stand for. An empty variable counts as not set."""
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
    """ValueError, with what is allowed: it cannot be read."""
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
