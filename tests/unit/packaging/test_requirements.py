"""What is packed is what the project asks for, and what the Windows suite runs with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def pins(path: str) -> dict[str, str]:
    lines = (ROOT / path).read_text().splitlines()
    found = [match for line in lines if (match := re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)", line))]
    return {match[1].lower().replace("_", "-"): match[2] for match in found}


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    packed = pins("packaging/requirements.txt")
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        name, low = re.findall(r"^([\w-]+)>=([\d.]+)", line)[0]
        assert numbers(packed[name]) >= numbers(low), line
        below = re.findall(r"<([\d.]+)", line)
        assert not below or numbers(packed[name]) < numbers(below[0]), line


def test_the_windows_suite_runs_with_what_is_packed() -> None:
    packed, tried = pins("packaging/requirements.txt"), pins("tests/windows/requirements.txt")
    both = packed.keys() & tried.keys()
    assert len(both) > 10
    assert {name: packed[name] for name in both} == {name: tried[name] for name in both}


def test_nothing_of_a_registry_stands_there() -> None:
    assert "://" not in (ROOT / "packaging" / "requirements.txt").read_text()


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
