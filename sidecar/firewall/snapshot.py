"""What the registry said about the firewall at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from .rules import StoreName

STORES: tuple[StoreName, ...] = ("policy", "mdm", "local")
PROFILE_KEYS = ("DomainProfile", "PrivateProfile", "PublicProfile", "StandardProfile")

T = TypeVar("T")
KeyState = Literal["read", "missing", "unreadable"]


@dataclass(frozen=True, slots=True)
class KeyValues(Generic[T]):
    """What stands under one key, by name: texts of rules, or numbers of a profile."""

    state: KeyState
    values: Mapping[str, T] = field(default_factory=dict)
    error: str = ""  # Windows' text where the key is unreadable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read: rules by store, and settings by store and key name."""

    rules: Mapping[StoreName, KeyValues[str]]
    profiles: Mapping[tuple[StoreName, str], KeyValues[int]]

    def unread(self, *, local: bool = True) -> str:
        """Why rules may be missing; empty: none is. Only the firewall's own key is never missing; ``local``: whether they matter."""
        for store in STORES:
            rules = self.rules[store]
            if rules.state == "unreadable" and (local or store != "local"):
                return f"the {store} firewall rules cannot be read: {rules.error}"
            if rules.state == "missing" and store == "local" and local:
                return "the firewall's own rules are missing from the registry"
        return ""
