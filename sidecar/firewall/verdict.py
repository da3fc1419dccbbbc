"""Judges TCP connections from other machines, for each profile; rules have no effect on loopback (KB 2771908). Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from .rules import PROFILES, RULES_KEY, STORES, TCP, Key, Profile, Rule, Snapshot, expand, parse, program_key


class ProfileSettings(Struct, frozen=True):
    """The four settings that decide; ``unknown``: why they are not known, empty if they are."""

    enabled: bool
    shielded: bool
    local_rules: bool
    blocks_by_default: bool
    unknown: str = ""


def settings_of(snapshot: Snapshot, profile: Profile) -> ProfileSettings:
    """Merges the stores for one profile (MS-FASP 2.2.38, MS-GPFAS 2.2.3); a value that none of them has is Windows' default."""
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
    """No specification names the private profile's key in this store, so both names are tried."""
    name = _own_key(profile)
    return "StandardProfile" if profile == "private" and snapshot.key("mdm", name).state == "missing" else name


def _first(name: str, keys: Sequence[Key]) -> bool | None:
    """The switch in the first key that has it; Windows ignores the case of names."""
    for key in keys:
        for found, value in key.values.items():
            if found.lower() == name.lower() and isinstance(value, int):
                return value != 0
    return None


# no_rule: no rule concerns the program, so the default, block, applies · conditional: it depends on more than program,
# profile and port · unknown: something could not be read
VerdictName = Literal["disabled", "blocked", "allowed", "no_rule", "conditional", "unknown"]


class Verdict(Struct, frozen=True):
    """What one profile does."""

    name: VerdictName
    reason: str  # one phrase
    rules: tuple[Rule, ...] = ()  # that block
    by_setting: bool = False  # no rule of this machine can change it


class Match(Struct, frozen=True):
    """A rule that applies to the program, and what else would have to be true for it to match."""

    rule: Rule
    conditions: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"“{self.rule.name or self.rule.value_name}” ({self.rule.store})"


def rules_in(snapshot: Snapshot) -> list[Rule]:
    """Every rule that Windows would understand, in the order of the stores."""
    stored = ((store, *value) for store in STORES for value in snapshot.key(store, RULES_KEY).values.items())
    parsed = (parse(store, name, raw) for store, name, raw in stored if isinstance(raw, str))
    return [rule for rule in parsed if rule is not None]


def same_program(rule: Rule, program: str, environment: Mapping[str, str]) -> bool:
    """Whether the rule names that program, whatever the spelling; False if ``program`` is empty."""
    key = program_key(program)
    return bool(key) and rule.program is not None and program_key(expand(rule.program, environment)[0]) == key


def judge(snapshot: Snapshot, program: str, port: int | None) -> dict[Profile, Verdict]:
    """A verdict for each profile; ``program``: absolute, empty: unknown."""
    found = (_match(rule, program_key(program), port, snapshot.environment) for rule in rules_in(snapshot))
    matches = [match for match in found if match is not None]
    return {profile: _verdict(snapshot, profile, matches, program) for profile in PROFILES}


def _match(rule: Rule, key: str, port: int | None, environment: Mapping[str, str]) -> Match | None:
    if not (rule.inbound and rule.active and rule.protocol in {None, TCP}):
        return None
    conditions = list(rule.conditions)
    if rule.program is not None:
        path, doubtful = expand(rule.program, environment)
        if not key or program_key(path) != key:
            return None
        conditions += [f"App={rule.program} ({name} of the firewall service's account)" for name in doubtful]
    elif rule.about_services:
        return None
    if rule.ports or rule.port_keywords:
        if port is not None and any(first <= port <= last for first, last in rule.ports):
            pass
        elif rule.program is None or (port is not None and not rule.port_keywords):
            return None
        else:
            conditions += [f"LPort={first}-{last}" for first, last in rule.ports]
            conditions += [f"LPort={keyword}" for keyword in rule.port_keywords]
    if rule.action == "bypass":
        conditions.append("Action=ByPass")
    return Match(rule, tuple(conditions))


def _verdict(snapshot: Snapshot, profile: Profile, matches: list[Match], program: str) -> Verdict:
    settings = settings_of(snapshot, profile)
    early = _by_settings(settings)
    if early is not None:
        return early
    mine = [match for match in matches if profile in match.rule.profiles]
    if not settings.local_rules:
        mine = [match for match in mine if match.rule.store != "local"]
    blocks = [match for match in mine if match.rule.action == "block"]
    sure = [match for match in blocks if not match.conditions]
    if sure:
        return Verdict("blocked", f"blocked by {_names(sure)}", tuple(match.rule for match in sure))
    unread = settings.unknown or snapshot.unread(local=settings.local_rules)
    if unread:
        return Verdict("unknown", unread)
    if not program:
        return Verdict("unknown", "the backend's program is unknown")
    if blocks:
        return Verdict("conditional", f"blocked under conditions: {_conditions(blocks)}")
    return _allowed(settings, mine)


def _allowed(settings: ProfileSettings, mine: list[Match]) -> Verdict:
    sure = [match for match in mine if not match.conditions]
    if sure:
        return Verdict("allowed", f"allowed by {_names(sure)}")
    if not settings.blocks_by_default:
        return Verdict("allowed", "allowed by default: no rule blocks, and the default action is allow")
    if mine:
        return Verdict("conditional", f"allowed under conditions: {_conditions(mine)}")
    if not settings.local_rules:
        return Verdict("no_rule", "no rule, and group policy ignores the rules of this machine", by_setting=True)
    return Verdict("no_rule", "no rule")


def _by_settings(settings: ProfileSettings) -> Verdict | None:
    """The verdict if the settings alone decide, else None."""
    if settings.shielded and settings.unknown:
        return Verdict("unknown", settings.unknown)
    if settings.shielded and settings.enabled:
        return Verdict("blocked", "all incoming connections are blocked, whatever rules allow", by_setting=True)
    if not settings.enabled and not settings.unknown:
        return Verdict("disabled", "the firewall is off")
    return None


def _names(matches: list[Match]) -> str:
    return ", ".join(match.title for match in matches)


def _conditions(matches: list[Match]) -> str:
    return "; ".join(f"{match.title}: {', '.join(match.conditions)}" for match in matches if match.conditions)
