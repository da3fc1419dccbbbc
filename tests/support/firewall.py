"""Firewall rules and snapshots for tests, written as Windows writes them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Mapping

from sidecar.firewall.rules import RULES_KEY, STORES, Key, KeyState, Snapshot, StoreName

PROGRAM = r"C:\Program Files\Aura Video Studio\resources\backend\Aura.Api.exe"
NAME = "Aura Video Studio Backend"
ENVIRONMENT = {
    "SYSTEMROOT": r"C:\Windows",
    "PROGRAMFILES": r"C:\Program Files",
    "LOCALAPPDATA": r"C:\Users\ada\AppData\Local",
}
GUID = "{9E4B9C26-0D3A-4D8E-9B0E-6A5D6F2C1B7A}"
QUERY_USER = rf"TCP Query User{GUID}{PROGRAM.lower()}"
QUERY_USER_UDP = rf"UDP Query User{GUID}{PROGRAM.lower()}"
FIREWALL_ON = {"EnableFirewall": 1}

Values = Iterable[tuple[str, str]]


def rule(
    action: str = "Allow",
    *,
    active: bool = True,
    direction: str = "In",
    protocol: int | None = 6,
    profiles: Iterable[str] = ("Private",),
    app: str | None = PROGRAM,
    name: str = NAME,
    extra: str = "",
) -> str:
    """The text of a rule; ``extra`` has additional fields, each ending in a bar."""
    text = f"v2.31|Action={action}|Active={'TRUE' if active else 'FALSE'}|Dir={direction}|"
    text += f"Protocol={protocol}|" if protocol is not None else ""
    text += "".join(f"Profile={profile}|" for profile in profiles)
    text += f"App={app}|" if app is not None else ""
    return f"{text}Name={name}|{extra}"


def query_user(action: str = "Block", profiles: Iterable[str] = ("Private", "Public")) -> list[tuple[str, str]]:
    """The pair of rules that the system's prompt leaves behind."""
    lower = PROGRAM.lower()
    return [
        (
            value,
            rule(
                action,
                protocol=protocol,
                profiles=profiles,
                app=lower,
                name="Aura.Api",
                extra="Desc=Aura.Api|Defer=User|",
            ),
        )
        for value, protocol in ((QUERY_USER, 6), (QUERY_USER_UDP, 17))
    ]


def snapshot(
    local: Values | None = (),
    *,
    policy: Values | None = None,
    mdm: Values | None = None,
    settings: Mapping[tuple[StoreName, str], Mapping[str, int]] | None = None,
    states: Mapping[StoreName, KeyState] | None = None,
) -> Snapshot:
    """The snapshot of a registry. None: the key is missing. The firewall is on everywhere unless ``settings`` say otherwise."""
    numbers = {("local", key): FIREWALL_ON for key in ("DomainProfile", "StandardProfile", "PublicProfile")}
    keys = {place: Key("read", values) for place, values in {**numbers, **(settings or {})}.items()}
    for store, values in zip(STORES, (policy, mdm, local), strict=True):
        state = (states or {}).get(store) or ("missing" if values is None else "read")
        error = "Access is denied" if state == "unreadable" else ""
        keys[store, RULES_KEY] = Key(state, dict(values or ()), error)
    return Snapshot(keys, ENVIRONMENT)


def in_wine() -> bool:
    """Whether this is Wine, whose firewall is only keys in an unused registry, without a prompt."""
    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
