r"""What is in force for a network profile, merged from the stores: MS-FASP 2.2.38, and for the policy's key MS-GPFAS 2.2.3."""

from __future__ import annotations

from dataclasses import dataclass

from .rules import Profile, StoreName
from .snapshot import KeyValues, Snapshot

_MISSING: KeyValues[int] = KeyValues("missing")


@dataclass(frozen=True, slots=True)
class Setting:
    r"""One number that is in force; ``where`` it stands: ``StandardProfile\EnableFirewall``; ``store`` is None for Windows' default."""

    value: bool
    store: StoreName | None
    where: str


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """The four settings that decide; ``unknown`` says why they cannot be known, and is empty where they are."""

    enabled: Setting
    shielded: Setting
    local_rules: Setting
    blocks_by_default: Setting
    unknown: str = ""


def settings_of(snapshot: Snapshot, profile: Profile) -> ProfileSettings:
    """Merges the stores for one profile."""
    policy_key, policy = _policy(snapshot, profile)
    mdm_key, mdm = _mdm(snapshot, profile)
    # The firewall's own store calls the private profile by its old name.
    local_key = "StandardProfile" if profile == "private" else _key(profile)
    local = snapshot.profiles.get(("local", local_key), _MISSING)
    managed: list[tuple[StoreName, str, KeyValues[int]]] = [("policy", policy_key, policy), ("mdm", mdm_key, mdm)]
    every: list[tuple[StoreName, str, KeyValues[int]]] = [*managed, ("local", local_key, local)]
    enabled = _first("EnableFirewall", every, default=True)
    shields = [_first("DoNotAllowExceptions", [place], default=False) for place in every]
    return ProfileSettings(
        enabled=enabled,
        shielded=next((setting for setting in shields if setting.value), shields[-1]),  # "let on values win"
        local_rules=_first("AllowLocalPolicyMerge", managed, default=True),  # "always use" the policy's
        blocks_by_default=_first("DefaultInboundAction", every, default=True),
        unknown=_unknown(every, enabled),
    )


def _key(profile: Profile) -> str:
    return f"{profile.capitalize()}Profile"


def _policy(snapshot: Snapshot, profile: Profile) -> tuple[str, KeyValues[int]]:
    """StandardProfile is for private and public, and only if neither has its own key."""
    keys = {name: snapshot.profiles.get(("policy", name), _MISSING) for name in ("PrivateProfile", "PublicProfile")}
    name = _key(profile)
    if profile != "domain" and all(values.state == "missing" for values in keys.values()):
        name = "StandardProfile"
    return name, snapshot.profiles.get(("policy", name), _MISSING)


def _mdm(snapshot: Snapshot, profile: Profile) -> tuple[str, KeyValues[int]]:
    """No specification names the private profile's key of this store: both names are looked for."""
    name = _key(profile)
    values = snapshot.profiles.get(("mdm", name), _MISSING)
    if profile == "private" and values.state == "missing":
        name = "StandardProfile"
        values = snapshot.profiles.get(("mdm", name), _MISSING)
    return name, values


def _first(name: str, places: list[tuple[StoreName, str, KeyValues[int]]], *, default: bool) -> Setting:
    for store, key, values in places:
        if name in values.values:
            return Setting(values.values[name] != 0, store, rf"{key}\{name}")
    return Setting(default, None, rf"{places[-1][1]}\{name}")


def _unknown(places: list[tuple[StoreName, str, KeyValues[int]]], enabled: Setting) -> str:
    for store, key, values in places:
        if values.state == "unreadable":
            return f"the {store} settings of {key} cannot be read: {values.error}"
    if places[-1][2].state == "missing" and enabled.store is None:
        return f"the firewall's own settings ({places[-1][1]}) are missing"
    return ""
