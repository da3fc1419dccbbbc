"""What the registry said about the firewall at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .rules import StoreName

STORES: tuple[StoreName, ...] = ("policy", "mdm", "local")
RULES_KEY = "FirewallRules"
PROFILE_KEYS = ("DomainProfile", "PrivateProfile", "PublicProfile", "StandardProfile")

KeyState = Literal["read", "missing", "unreadable"]


@dataclass(frozen=True, slots=True)
class Key:
    """The texts and numbers under one key, by name; ``error`` is Windows' text where it is unreadable."""

    state: KeyState = "missing"
    values: Mapping[str, str | int] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read, by store and key name; ``environment``: what variables in paths mean, names in capitals."""

    keys: Mapping[tuple[StoreName, str], Key]
    environment: Mapping[str, str] = field(default_factory=dict)

    def key(self, store: StoreName, name: str) -> Key:
        """One key; a missing one where none is."""
        return self.keys.get((store, name)) or Key()

    def unread(self, *, local: bool = True) -> str:
        """Why rules may be missing; empty: none is. Only the firewall's own key is never missing; ``local``: whether they matter."""
        for store in STORES if local else STORES[:-1]:
            rules = self.key(store, RULES_KEY)
            if rules.state == "unreadable":
                return f"the {store} firewall rules cannot be read: {rules.error}"
            if rules.state == "missing" and store == "local":
                return "the firewall's own rules are missing from the registry"
        return ""
