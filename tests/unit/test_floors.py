"""The house stands only while imports go strictly down; this walks every import under ``sidecar/``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "sidecar"

FLOORS = {
    "errors": 0,
    "settings": 0,
    "wire": 1,
    "core": 1,
    "argv": 2,
    "frozen": 2,
    "log": 2,
    "process": 2,
    "backend": 2,
    "firewall": 2,
    "observe": 2,
    "rpc.stdio": 2,
    "rpc.outbox": 2,
    "supervisor": 3,
    "monitor": 3,
    "rpc": 4,
    "app": 5,
    "boot": 5,
    "cli": 5,
    "console": 5,
    "dashboard": 5,
    "__main__": 6,
}
GROUND = "sidecar"  # the package itself: its version, below everything
# Ground floor: wrong settings are told by the error tree, which itself imports nothing.
# Top floor: the way in leads from room to room; argv is looked at first, then handed over. The dashboard's sidecar is
# reached as that of any other tool.
DOORS = {
    ("settings", "errors"),
    ("boot", "app"),
    ("cli", "boot"),
    ("cli", "console"),
    ("cli", "dashboard"),
    ("dashboard", "console"),
}
LONGEST = 300


class Arrow(NamedTuple):
    """``source`` imports ``target``; both are dotted module names below ``sidecar``."""

    source: str
    target: str
    line: int


def room(module: str) -> str:
    """The room in which a module lives, by the longest name that FLOORS knows."""
    parts = module.split(".")
    for length in (2, 1):
        name = ".".join(parts[:length])
        if name in FLOORS:
            return name
    return parts[0] or GROUND


def arrows(module: str, source: str, *, is_package: bool, modules: set[str]) -> Iterator[Arrow]:
    """Every import of our own package in ``source``, function-level ones and those for types included."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    known = {name for whole in modules for name in (whole, whole.rpartition(".")[0])}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sidecar":
                    yield Arrow(module, alias.name.removeprefix("sidecar").lstrip("."), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
            elif node.module and node.module.split(".")[0] == "sidecar":
                base = []
            else:
                continue
            stem = base + (node.module or "").removeprefix("" if node.level else "sidecar").strip(".").split(".")
            stem = [part for part in stem if part]
            for alias in node.names:
                whole = ".".join([*stem, alias.name])
                yield Arrow(module, whole if whole in known else ".".join(stem), node.lineno)


def complaint(arrow: Arrow) -> str | None:
    """Why an arrow may not be, or None."""
    source, target = room(arrow.source), room(arrow.target)
    if GROUND in {source, target} or source == target or (source, target) in DOORS:
        return None
    for name in (source, target):
        if name not in FLOORS:
            return f"{name}: a room without a floor"
    if FLOORS[target] < FLOORS[source]:
        return None
    return f"{arrow.source}:{arrow.line} (floor {FLOORS[source]}) imports {arrow.target} (floor {FLOORS[target]})"


def house() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_imports_go_strictly_down() -> None:
    modules = house()
    complaints = [
        text
        for module, path in modules.items()
        for arrow in arrows(
            module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py", modules=set(modules)
        )
        if (text := complaint(arrow))
    ]
    assert not complaints, "\n".join(complaints)


def test_every_module_lives_in_a_room_with_a_floor() -> None:
    assert {room(module) for module in house()} - {GROUND} <= set(FLOORS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_is_longer_than_a_reader_can_hold(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


MODULES = {
    "core.stop",
    "wire.codec",
    "process.base",
    "backend.probe",
    "rpc.stdio",
    "rpc.router",
    "supervisor",
    "errors",
}


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("core.stop", "from ..wire import codec"),
        ("core.stop", "from sidecar.wire.codec import encode"),
        ("errors", "def f():\n    from .core.stop import StopLadder"),
        ("process.base", "import sidecar.backend.probe"),
        ("process.base", "from .. import backend"),
        ("rpc.stdio", "from .router import Router"),
        ("rpc.stdio", "from ..process.base import LaunchSpec"),
        ("supervisor", "from . import rpc\nfrom .rpc import router"),
        ("backend.probe", "if TYPE_CHECKING:\n    from ..supervisor import Supervisor"),
    ],
)
def test_an_arrow_that_goes_up_or_sideways_is_seen(module: str, code: str) -> None:
    assert [complaint(arrow) for arrow in arrows(module, code, is_package=False, modules=MODULES)] != [None]
    assert any(complaint(arrow) for arrow in arrows(module, code, is_package=False, modules=MODULES))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (
            "rpc.router",
            "from .stdio import Stdio\nfrom ..supervisor import Supervisor\nfrom ..wire.codec import encode",
        ),
        (
            "process.base",
            "from ..core.stop import StopLadder\nfrom .posix import Layer\nimport os\nfrom sidecar import __version__",
        ),
        ("supervisor", "from .errors import SidecarError"),
    ],
)
def test_an_arrow_that_goes_down_or_stays_in_its_room_is_not(module: str, code: str) -> None:
    assert {complaint(arrow) for arrow in arrows(module, code, is_package=False, modules=MODULES)} == {None}
