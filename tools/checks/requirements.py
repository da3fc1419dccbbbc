"""Pinned packages: within the bounds of pyproject.toml, the same under Windows, with hashes, and without an address."""

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
    """Pins that do not fit, lack a hash, or name a registry."""
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
        yield from (f"{LOCK}: {text}" for text in unlocked_packages(read(LOCK)))


def pins(text: str) -> dict[str, Pin]:
    """Package → pin, of a requirements file."""
    found = re.finditer(r"^([A-Za-z0-9_.-]+)==([^ ;\\\n]+)((?:.*\\\n)*.*)", text, re.MULTILINE)
    return {
        one[1].lower().replace("_", "-"): Pin(one[2], frozenset(re.findall(r"--hash=(\S+)", one[3]))) for one in found
    }


def unlocked(path: str, text: str) -> Iterator[str]:
    """Pins without a hash, and addresses: the installer's configuration says where packages come from."""
    if "://" in text:
        yield f"{path}: names an address"
    yield from (f"{path}: {name} has no hash" for name, pin in pins(text).items() if not pin.hashes)


def unlocked_packages(lock: str) -> Iterator[str]:
    """The same of npm's lock file."""
    if "://" in re.sub(r'"(url|funding)": .*', "", lock):
        yield "names an address; write it with omit-lockfile-registry-resolved"
    for path, one in json.loads(lock)["packages"].items():
        if path and not one.get("integrity"):
            yield f"{path} has no hash"


def misfit(requirement: str, packed: dict[str, Pin]) -> Iterator[str]:
    """Why a dependency of pyproject.toml is not met by the pins."""
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
