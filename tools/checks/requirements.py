"""Pinned packages are within the bounds of pyproject.toml, the same on Windows, with hashes, and without an address."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from tools import ROOT, read

PACKED = ("packaging/requirements.txt", "packaging/packer.txt")
TRIED = "tests/windows/requirements.txt"
LOCK = "electron-shim/package-lock.json"


class Pin(NamedTuple):
    """A package's version and the hashes of its files."""

    version: str
    hashes: frozenset[str]


def check() -> Iterator[str]:
    """Finds pins that do not match, lack a hash, or name a registry."""
    packed: dict[str, Pin] = {}
    for path in (*PACKED, TRIED):
        yield from unlocked(path, read(path))
        packed |= pins(read(path)) if path != TRIED else {}
    for line in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]:
        yield from misfit(line, packed)
    tried = pins(read(TRIED))
    for name in sorted(packed.keys() & tried.keys()):
        if packed[name].version != tried[name].version or not packed[name].hashes >= tried[name].hashes:
            yield f"{TRIED}: {name} is not the one that is packed, {packed[name].version}"
    if (ROOT / LOCK).exists():
        yield from (f"{LOCK}: {text}" for text in unlocked_packages(read(LOCK), read("electron-shim/package.json")))


def pins(text: str) -> dict[str, Pin]:
    """Returns package → pin of a requirements file."""
    found = re.finditer(r"^([A-Za-z0-9_.-]+)==([^ ;\\\n]+)((?:.*\\\n)*.*)", text, re.MULTILINE)
    return {
        one[1].lower().replace("_", "-"): Pin(one[2], frozenset(re.findall(r"--hash=(\S+)", one[3]))) for one in found
    }


def unlocked(path: str, text: str) -> Iterator[str]:
    """Yields pins without a hash, and addresses: the installer's configuration says where packages come from."""
    if "://" in text:
        yield f"{path}: names an address"
    yield from (f"{path}: {name} has no hash" for name, pin in pins(text).items() if not pin.hashes)


def unlocked_packages(lock: str, package: str) -> Iterator[str]:
    """Yields the same for npm's lock file, and why ``npm ci`` would refuse it.

    Args:
        lock: the lock file's text.
        package: the text of package.json. Its own platform packages have no hash: they are built later.
    """
    if "://" in re.sub(r'"(url|funding)": .*', "", lock):
        yield "names an address; write it with omit-lockfile-registry-resolved"
    packages, wanted = json.loads(lock)["packages"], json.loads(package)
    for path, one in packages.items():
        if path and not one.get("integrity") and not path.startswith(f"node_modules/{wanted['name']}-"):
            yield f"{path} has no hash"
    for kind in ("dependencies", "devDependencies", "optionalDependencies"):
        if packages[""].get(kind, {}) != wanted.get(kind, {}):
            yield f"{kind} differ from package.json; run nox -s lock"
        yield from (f"{name} is missing" for name in wanted.get(kind, {}) if f"node_modules/{name}" not in packages)


def misfit(requirement: str, packed: dict[str, Pin]) -> Iterator[str]:
    """Returns why the pins do not meet a dependency of pyproject.toml."""
    (name, low), below = re.findall(r"^([\w-]+)>=([\d.]+)", requirement)[0], re.findall(r"<([\d.]+)", requirement)
    if not below:
        yield f"pyproject.toml: {requirement} has no upper bound"
    if name not in packed:
        yield f"{PACKED[0]}: {name} is missing"
        return
    version = _numbers(packed[name].version)
    if version < _numbers(low) or (below and version >= _numbers(below[0])):
        yield f"{PACKED[0]}: {name}=={packed[name].version} is outside of {requirement}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
