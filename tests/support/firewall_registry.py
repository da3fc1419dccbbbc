"""Writes firewall rules and settings into a real registry, for tests on Windows."""

from __future__ import annotations

import winreg
from collections.abc import Mapping

from sidecar.firewall.registry import STORE_KEYS


class Store:
    """Writes what tests need below one key."""

    def __init__(self, hive: int, prefix: str) -> None:
        self.hive, self.prefix = hive, prefix

    def write(self, path: str, values: Mapping[str, str | int]) -> None:
        with winreg.CreateKeyEx(self.hive, self.prefix + path, 0, winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY) as key:
            for name, data in values.items():
                winreg.SetValueEx(key, name, 0, winreg.REG_SZ if isinstance(data, str) else winreg.REG_DWORD, data)

    def rules(self, store: str, values: Mapping[str, str]) -> None:
        self.write(f"{STORE_KEYS[store]}\\FirewallRules", values)

    def settings(self, store: str, key: str, values: Mapping[str, int]) -> None:
        self.write(f"{STORE_KEYS[store]}\\{key}", values)

    def delete(self, path: str) -> None:
        """The key and all below it."""
        with winreg.OpenKeyEx(self.hive, path, 0, winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY) as key:
            below = [winreg.EnumKey(key, index) for index in range(winreg.QueryInfoKey(key)[0])]
        for name in below:
            self.delete(f"{path}\\{name}")
        winreg.DeleteKeyEx(self.hive, path, winreg.KEY_WOW64_64KEY, 0)
