"""A firewall rule, parsed from its text in the registry (MS-GPFAS 2.2.2.19), and a snapshot of the registry's keys."""

import ntpath
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Action = Literal["allow", "block", "bypass"]
Profile = Literal["domain", "private", "public"]
StoreName = Literal["policy", "mdm", "local"]

PROFILES: tuple[Profile, ...] = ("domain", "private", "public")
TCP = 6

_ACTIONS: dict[str, Action] = {"allow": "allow", "block": "block", "bypass": "bypass"}
_PROFILES: dict[str, Profile] = {"domain": "domain", "private": "private", "public": "public"}
_VERSION = re.compile(r"v\d{1,3}\.\d{1,3}")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_VARIABLE = re.compile(r"%([^%]+)%")
# "This token MUST appear at most once": those of them that are read here.
_ONCE = ("action", "dir", "protocol", "app", "name", "active", "svc")
# Fields that are read into attributes, or that do not narrow what an inbound rule matches. Any other field
# narrows it, even one of a later Windows, so a rule's effect is never overestimated.
_READ = ("action", "dir", "active", "profile", "protocol", "app", "name", "lport", "lport2_10", "lport2_20")
_NOT_NARROWING = frozenset((*_READ, "desc", "embedctxt", "edge", "defer", "lsm", "authbypassout"))
# A service, a packaged app by its SID or (not in the grammar, seen since Windows 10) its family name, a user.
_OTHER_SUBJECTS = ("svc=", "apppkgid=", "pfn=", "luown=")
# The firewall service resolves a rule's variables for its own account, so only variables that are the same for every
# account mean the same file to the service and to us.
_PROGRAM_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432")
_MACHINE_VARIABLES = frozenset(
    (
        *("SYSTEMROOT", "WINDIR", "SYSTEMDRIVE", "PROGRAMDATA", "ALLUSERSPROFILE", "PUBLIC"),
        *_PROGRAM_FOLDERS,
        *("COMMON" + folder for folder in _PROGRAM_FOLDERS),
    )
)


class Rule(Struct, frozen=True):
    """A parsed rule."""

    store: StoreName  # where it was found
    value_name: str  # the name of the registry value, which is the rule's id
    raw: str  # its text, unchanged
    action: Action  # bypass allows authenticated connections only, and beats a block for them
    inbound: bool
    active: bool  # whether it is switched on (a rule that does not say so is off)
    protocol: int | None  # the IP protocol's number, or None for any
    profiles: frozenset[Profile]  # where it applies; a rule that names none applies in all
    program: str | None  # the path in App= as it stands, or None: the rule is for every program
    name: str  # what people see; @file,-id if Windows looks the name up in a resource
    ports: tuple[tuple[int, int], ...]  # local, first and last; none: all of them, unless port_keywords names some
    port_keywords: tuple[str, ...]  # local ports that have a name (RPC), whose numbers only Windows knows
    conditions: tuple[str, ...]  # every other field that narrows the rule, as Field=value

    @property
    def about_services(self) -> bool:
        """Whether the rule only applies to a service, a packaged app or one user."""
        return any(condition.lower().startswith(_OTHER_SUBJECTS) for condition in self.conditions)


def parse(store: StoreName, value_name: str, raw: str) -> Rule | None:
    """Parses one value; None if it breaks the grammar, because Windows then ignores the rule too."""
    version, *texts = raw.split("|")
    fields = [(text.partition("=")[0].lower(), text.partition("=")[2], text) for text in texts if text]
    once = {key: value for key, value, _ in fields if key in _ONCE}
    is_repeated = len(once) < sum(key in _ONCE for key, _, _ in fields)
    if not _VERSION.fullmatch(version) or is_repeated or not all("=" in text for _, _, text in fields):
        return None
    action = _ACTIONS.get(once.get("action", "").lower())
    direction = once.get("dir", "").lower()
    protocol = _protocol(once.get("protocol"))
    profiles = [_PROFILES.get(value.lower()) for key, value, _ in fields if key == "profile"]
    if action is None or direction not in {"in", "out"} or protocol == -1 or None in profiles:
        return None
    ports = [(_PORTS.fullmatch(value), value) for key, value, _ in fields if key.startswith("lport")]
    return Rule(
        store=store,
        value_name=value_name,
        raw=raw,
        action=action,
        inbound=direction == "in",
        active=once.get("active", "").lower() == "true",
        protocol=protocol,
        profiles=frozenset(profile for profile in profiles if profile) or frozenset(PROFILES),
        program=once.get("app") or None,
        name=once.get("name", ""),
        ports=tuple((int(match[1]), int(match[2] or match[1])) for match, _ in ports if match),
        port_keywords=tuple(value for match, value in ports if not match),
        conditions=tuple(text for key, value, text in fields if key not in _NOT_NARROWING and value.lower() != "false"),
    )


def _protocol(text: str | None) -> int | None:
    """The number; None for any (absent, or the 256 that MS-FASP gives it); -1 if invalid."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > 256:
        return -1
    return None if int(text) == 256 else int(text)


def program_key(path: str) -> str:
    """The normalised path, equal for two spellings of one file (short 8.3 names are not resolved)."""
    path = path.strip().strip('"').removeprefix("\\\\?\\")
    return ntpath.normpath(path).lower() if path else ""


def expand(path: str, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Resolves known ``%NAME%`` (upper case in ``environment``); also returns those that may differ for the firewall service."""
    doubtful: list[str] = []

    def value(match: re.Match[str]) -> str:
        name = match[1].upper()
        # A 32-bit process sees the 32-bit folder under this name; the firewall service is a 64-bit process.
        found = environment.get("PROGRAMW6432") if name == "PROGRAMFILES" else None
        found = found or environment.get(name)
        if found is None:
            return match[0]
        if name not in _MACHINE_VARIABLES:
            doubtful.append(match[0])
        return found

    return _VARIABLE.sub(value, path), tuple(doubtful)


STORES: tuple[StoreName, ...] = ("policy", "mdm", "local")
RULES_KEY = "FirewallRules"
PROFILE_KEYS = ("DomainProfile", "PrivateProfile", "PublicProfile", "StandardProfile")

KeyState = Literal["read", "missing", "unreadable"]


class Key(Struct, frozen=True):
    """The texts and numbers under one key, by name; ``error`` is Windows' text if it is unreadable."""

    state: KeyState = "missing"
    values: Mapping[str, str | int] = {}
    error: str = ""


class Snapshot(Struct, frozen=True):
    """All that was read, by store and key name; ``environment``: the variables in paths, names in upper case."""

    keys: Mapping[tuple[StoreName, str], Key]
    environment: Mapping[str, str] = {}

    def key(self, store: StoreName, name: str) -> Key:
        return self.keys.get((store, name)) or Key()

    def unread(self, *, local: bool = True) -> str:
        """Why rules may be missing; empty: all were read. Only the firewall's own key always exists; ``local``: whether its rules matter."""
        for store in STORES if local else STORES[:-1]:
            rules = self.key(store, RULES_KEY)
            if rules.state == "unreadable":
                return f"the {store} firewall rules cannot be read: {rules.error}"
            if rules.state == "missing" and store == "local":
                return "the firewall's own rules are missing from the registry"
        return ""
