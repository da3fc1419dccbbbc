"""Writes firewall rules and settings into a real registry, for tests on Windows."""

from __future__ import annotations

import msvcrt
import tempfile
import winreg
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sidecar.firewall.registry import STORE_KEYS
from tests.support.processes import wait_until

_ALL_TESTS = 600.0  # seconds that the tests of another worker may take


@contextmanager
def only_writer() -> Iterator[None]:
    """Keeps other workers' tests from changing the machine's registry at the same time."""
    with Path(tempfile.gettempdir(), "firewall-tests").open("w") as lock:

        def locked() -> bool:
            with suppress(OSError):
                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
                return True
            return False

        wait_until(locked, _ALL_TESTS, what="the tests of another worker")
        yield


class Store:
    """Writes test data below one key."""

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
        """Deletes the key and everything below it."""
        with winreg.OpenKeyEx(self.hive, path, 0, winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY) as key:
            below = [winreg.EnumKey(key, index) for index in range(winreg.QueryInfoKey(key)[0])]
        for name in below:
            self.delete(f"{path}\\{name}")
        winreg.DeleteKeyEx(self.hive, path, winreg.KEY_WOW64_64KEY, 0)
