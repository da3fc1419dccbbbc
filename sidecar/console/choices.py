"""The words that a shell may complete; what they come from is imported when a shell asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import click

Kind = Literal["profiles", "settings", "states", "channels"]


def complete(kind: Kind) -> Any:
    """For completion: those names of that kind that begin with what was typed."""

    def starting(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in _names(kind) if name.startswith(incomplete)]

    return starting


def _names(kind: Kind) -> Iterable[str]:
    if kind == "profiles":
        from ..settings.profiles import PROFILES

        return PROFILES
    if kind == "settings":
        from ..settings.load import field_types, sections

        return [f"{section}.{key}=" for section in sections() for key in field_types(section)]
    if kind == "states":
        from .state import list_states

        return [state.name for state in list_states()]
    from ..wire.channels import CHANNELS

    return CHANNELS
