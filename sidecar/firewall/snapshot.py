"""What the registry said about the firewall at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .rules import StoreName

STORES: tuple[StoreName, ...] = ("policy", "mdm", "local")
PROFILE_KEYS = ("DomainProfile", "PrivateProfile", "PublicProfile", "StandardProfile")

KeyState = Literal["read", "missing", "unreadable"]


@dataclass(frozen=True, slots=True)
class RuleValues:
    """The rules of one store, by the names of their values; ``error`` is Windows' text where the key is unreadable."""

    state: KeyState
    values: tuple[tuple[str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProfileValues:
    """The numbers under one profile's key."""

    state: KeyState
    values: Mapping[str, int]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read: rules by store, and settings by store and key name."""

    rules: Mapping[StoreName, RuleValues]
    profiles: Mapping[tuple[StoreName, str], ProfileValues]

    def unread(self, *, local: bool = True) -> str:
        """Why there may be rules that were not seen; empty: all were. ``local``: whether this machine's own matter.

        A policy or MDM key that is missing is an empty store; the firewall's own is never missing on a sound machine.
        """
        for store in STORES:
            rules = self.rules[store]
            if rules.state == "unreadable" and (local or store != "local"):
                return f"the {store} firewall rules cannot be read: {rules.error}"
            if rules.state == "missing" and store == "local" and local:
                return "the firewall's own rules are missing from the registry"
        return ""
