r"""Reads rules and settings from the registry. Blocking; the figures for 1000 rules are in the tests' notes.

netsh's text is localized, and both Get-NetFirewallRule and COM take tens of seconds on a machine with a thousand rules.
Every user may read these keys.
"""

from __future__ import annotations

import sys
import winreg
from collections.abc import Callable, Iterator
from typing import TypeVar

from .rules import StoreName
from .snapshot import PROFILE_KEYS, STORES, KeyValues, Snapshot

assert sys.platform == "win32"  # the form by which mypy leaves the rest out elsewhere

_LOCAL = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
STORE_KEYS: dict[StoreName, str] = {
    "policy": r"SOFTWARE\Policies\Microsoft\WindowsFirewall",
    "mdm": _LOCAL + r"\Mdm",
    "local": _LOCAL,
}
T = TypeVar("T")
_SETTINGS = ("EnableFirewall", "DoNotAllowExceptions", "AllowLocalPolicyMerge", "DefaultInboundAction")


def read(prefix: str = "", *, current_user: bool = False) -> Snapshot:
    """Reads the three stores; for tests below the key ``prefix``, and in the user's hive instead of the machine's."""
    hive = winreg.HKEY_CURRENT_USER if current_user else winreg.HKEY_LOCAL_MACHINE
    start = prefix + "\\" if prefix else ""
    return Snapshot(
        rules={store: _read(hive, f"{start}{STORE_KEYS[store]}\\FirewallRules", _rules) for store in STORES},
        profiles={
            (store, key): _read(hive, f"{start}{STORE_KEYS[store]}\\{key}", _settings)
            for store in STORES
            for key in PROFILE_KEYS
        },
    )


def _read(hive: int, path: str, values: Callable[[winreg.HKEYType], dict[str, T]]) -> KeyValues[T]:
    try:
        with winreg.OpenKeyEx(hive, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            return KeyValues("read", values(key))
    except FileNotFoundError:
        return KeyValues("missing")
    except OSError as error:
        return KeyValues("unreadable", error=error.strerror or str(error))


def _rules(key: winreg.HKEYType) -> dict[str, str]:
    return {name: data for name, data in _values(key) if isinstance(data, str)}


def _settings(key: winreg.HKEYType) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for name in _SETTINGS:
        try:
            data, kind = winreg.QueryValueEx(key, name)
        except FileNotFoundError:
            continue
        if kind == winreg.REG_DWORD:
            numbers[name] = data
    return numbers


def _values(key: winreg.HKEYType) -> Iterator[tuple[str, object]]:
    """All values; ends early, without an error, if rules are deleted at the same time (ERROR_NO_MORE_ITEMS)."""
    for index in range(winreg.QueryInfoKey(key)[1]):
        try:
            name, data, _ = winreg.EnumValue(key, index)
        except OSError as error:
            if error.winerror == 259:
                return
            raise
        yield name, data
