"""The results of the firewall channels; messages.py names them too."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from .base import Wire


class FirewallCheck(Wire, frozen=True):
    """Whether anything, the firewall included, stands between the app and its backend."""

    compatible: bool
    message: str
    recommendation: str | UnsetType = UNSET


class FirewallRule(Wire, frozen=True):
    """Whether a rule for the backend exists; ``exists`` is null where that cannot be known."""

    exists: bool | None
    details: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class CreatedFirewallRule(Wire, frozen=True):
    """What came of creating the rule; ``replaced`` lists the rules that were, or would be, deleted for it."""

    created: bool
    exists: bool | None
    details: str
    replaced: list[str]
