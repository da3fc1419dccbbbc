"""Pinned packages: within the bounds of pyproject.toml, the same under Windows, with hashes, and without an address."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from tools import read

PACKED, TRIED = "packaging/requirements.txt", "tests/windows/requirements.txt"


def check() -> Iterator[str]:
    """Pins that do not fit."""
    packed, tried = pins(read(PACKED)), pins(read(TRIED))
    for line in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]:
        yield from misfit(line, packed)
    for name in sorted(packed.keys() & tried.keys()):
        if packed[name] != tried[name]:
            yield f"{TRIED}: {name} is {tried[name]}, and {packed[name]} in {PACKED}"


def pins(text: str) -> dict[str, str]:
    """Package → version, of a requirements file."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\\n]+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def misfit(requirement: str, packed: dict[str, str]) -> Iterator[str]:
    """Why a dependency of pyproject.toml is not met by the pins."""
    (name, low), below = re.findall(r"^([\w-]+)>=([\d.]+)", requirement)[0], re.findall(r"<([\d.]+)", requirement)
    if not below:
        yield f"pyproject.toml: {requirement} has no upper bound"
    if name not in packed:
        yield f"{PACKED}: {name} is missing"
    elif _numbers(packed[name]) < _numbers(low) or (below and _numbers(packed[name]) >= _numbers(below[0])):
        yield f"{PACKED}: {name}=={packed[name]} is outside of {requirement}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
