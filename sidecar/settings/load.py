"""Combines all sources into one Settings object, or one error that lists the mistakes."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from ..errors import InvalidConfigError
from . import checks
from .merge import MAX_MISTAKES, collect
from .model import Settings
from .servers import unfilled


class Loaded(Struct, frozen=True):
    """The loaded settings."""

    settings: Settings
    notes: list[str]  # sentences for the log
    origins: dict[str, str]  # name of a setting (backend.port) → where it was given; without defaults


def load(
    *,
    config: str | None = None,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    command: Sequence[str] | None = None,
    environ: Mapping[str, str],
) -> Loaded:
    """Merges flags over environment over file over profile over defaults.

    ``config``: the path of a TOML file. ``profile``: outranks the profile of every source. ``overrides``: ``section.key=value``;
    the last one wins. ``command``: the words after ``--``. InvalidConfigError: the mistakes of all sources, one per line.
    """
    merge = collect(config, profile, overrides, command, environ)
    settings = msgspec.convert({"profile": merge.profile, **merge.values()}, Settings)
    merge.mistakes.extend(checks.mistakes(settings, merge.origins, merge.bad))
    if merge.mistakes:
        unique = list(dict.fromkeys(merge.mistakes))
        count = len(unique) + merge.left_out
        title = "The settings are wrong" if count == 1 else f"The settings have {count} mistakes"
        lines = [f"- {mistake}" for mistake in _masked(unique[:MAX_MISTAKES], environ)]
        more = [f"- and {count - len(lines)} more"] if count > len(lines) else []
        raise InvalidConfigError("\n".join([f"{title}:", *lines, *more]))
    settings, notes = checks.normalise(settings, merge.origins)
    backend = settings.backend
    left = [f"{why}; write {meant}" for _, why, meant in unfilled(backend.command, backend.env)]
    notes = [*merge.notes, *notes, *left, *checks.port_notes(backend)]
    notes += checks.duration_notes(settings.timeouts)
    return Loaded(settings, notes, merge.origins)


def _masked(mistakes: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """The mistakes without the values of secret variables, because a mistake quotes the value it is about."""
    from .masking import mask_text, secrets_of, spellings

    secrets = spellings(secrets_of(environ))
    return [mask_text(mistake, secrets) for mistake in mistakes]
