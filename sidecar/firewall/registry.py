"""Reads rules and settings from the registry; blocking. netsh's text is localized; PowerShell and COM take tens of seconds."""

import os
import sys
import winreg
from collections.abc import Iterator

from .rules import PROFILE_KEYS, RULES_KEY, STORES, Key, Snapshot, StoreName

assert sys.platform == "win32"  # in this form mypy skips the rest on other systems

_LOCAL = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
STORE_KEYS: dict[StoreName, str] = {
    "policy": r"SOFTWARE\Policies\Microsoft\WindowsFirewall",
    "mdm": _LOCAL + r"\Mdm",
    "local": _LOCAL,
}
_ERROR_NO_MORE_ITEMS = 259


def read(prefix: str = "", *, current_user: bool = False) -> Snapshot:
    """Reads the three stores. For tests: below the key ``prefix``, and in the user's hive instead of the machine's."""
    hive = winreg.HKEY_CURRENT_USER if current_user else winreg.HKEY_LOCAL_MACHINE
    start = prefix + "\\" if prefix else ""
    keys = {
        (store, name): read_key(hive, f"{start}{STORE_KEYS[store]}\\{name}")
        for store in STORES
        for name in (RULES_KEY, *PROFILE_KEYS)
    }
    return Snapshot(keys, dict(os.environ))  # on Windows its names are in upper case


def read_key(hive: int, path: str) -> Key:
    try:
        with winreg.OpenKeyEx(hive, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            return Key("read", dict(_values(key)))
    except FileNotFoundError:
        return Key("missing")
    except OSError as error:
        return Key("unreadable", error=error.strerror or str(error))


def _values(key: winreg.HKEYType) -> Iterator[tuple[str, str | int]]:
    """All texts and numbers; ends early, without an error, if rules are deleted at the same time."""
    for index in range(winreg.QueryInfoKey(key)[1]):
        try:
            name, data, kind = winreg.EnumValue(key, index)
        except OSError as error:
            if error.winerror == _ERROR_NO_MORE_ITEMS:
                return
            raise
        if isinstance(data, str) or kind == winreg.REG_DWORD:
            yield name, data
