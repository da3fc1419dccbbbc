"""The words that a shell may complete; what they come from is imported when a shell asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click


def starting(names: Callable[[], Iterable[str]]) -> Any:
    """For completion: those of the names that begin with what was typed."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def profile_names() -> Iterable[str]:
    """All profiles."""
    from ..settings.profiles import PROFILES

    return PROFILES


def setting_names() -> Iterable[str]:
    """All settings, as ``--set`` takes them."""
    from ..settings.values import field_types, sections

    return [f"{section}.{key}=" for section in sections() for key in field_types(section)]


def state_names() -> Iterable[str]:
    """The backends of which something is kept."""
    from .state import list_states

    return [state.name for state in list_states()]


def channel_names() -> Iterable[str]:
    """All channels."""
    from ..wire.channels import CHANNELS

    return CHANNELS
