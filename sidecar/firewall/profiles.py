r"""What is in force for a network profile, merged from the stores: MS-FASP 2.2.38, and for the policy's key MS-GPFAS 2.2.3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .rules import Profile
from .snapshot import STORES, Key, Snapshot


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """The four settings that decide; ``unknown`` says why they cannot be known, and is empty where they are."""

    enabled: bool
    shielded: bool
    local_rules: bool
    blocks_by_default: bool
    unknown: str = ""


def settings_of(snapshot: Snapshot, profile: Profile) -> ProfileSettings:
    """Merges the stores for one profile; a value that none of them has is Windows' default."""
    # The firewall's own store calls the private profile by its old name.
    local = "StandardProfile" if profile == "private" else _own_key(profile)
    names = _policy_key(snapshot, profile), _mdm_key(snapshot, profile), local
    keys = [snapshot.key(store, name) for store, name in zip(STORES, names, strict=True)]
    enabled = _first("EnableFirewall", keys)
    missing = keys[-1].state == "missing" and enabled is None
    unknown = f"the firewall's own settings ({local}) are missing" if missing else ""
    for store, name, key in zip(STORES, names, keys, strict=True):
        if key.state == "unreadable":
            unknown = f"the {store} settings of {name} cannot be read: {key.error}"
            break
    return ProfileSettings(
        enabled=enabled is not False,
        shielded=any(_first("DoNotAllowExceptions", [key]) for key in keys),  # "let on values win"
        local_rules=_first("AllowLocalPolicyMerge", keys[:-1]) is not False,  # "always use" the policy's
        blocks_by_default=_first("DefaultInboundAction", keys) is not False,
        unknown=unknown,
    )


def _own_key(profile: Profile) -> str:
    return f"{profile.capitalize()}Profile"


def _policy_key(snapshot: Snapshot, profile: Profile) -> str:
    """StandardProfile is for private and public, and only if neither has its own key."""
    split = any(snapshot.key("policy", name).state != "missing" for name in ("PrivateProfile", "PublicProfile"))
    return _own_key(profile) if split or profile == "domain" else "StandardProfile"


def _mdm_key(snapshot: Snapshot, profile: Profile) -> str:
    """No specification names the private profile's key of this store: both names are looked for."""
    name = _own_key(profile)
    return "StandardProfile" if profile == "private" and snapshot.key("mdm", name).state == "missing" else name


def _first(name: str, keys: Sequence[Key]) -> bool | None:
    """The switch in the first key that has it; Windows ignores the case of names."""
    for key in keys:
        for found, value in key.values.items():
            if found.lower() == name.lower() and isinstance(value, int):
                return value != 0
    return None
