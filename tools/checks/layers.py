"""Imports in ``sidecar/`` go from a higher layer to a lower one, function-level and ``TYPE_CHECKING`` ones included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from tools import PACKAGE, ROOT

LAYERS = {
    "errors": 0,
    "clock": 0,
    "threads": 0,
    "deferred": 0,
    "fields": 0,
    "plain": 0,
    "settings": 0,
    "wire": 1,
    "core": 1,
    "log": 1,
    "process": 2,
    "argv": 3,
    "frozen": 3,
    "backend": 3,
    "firewall": 3,
    "observe": 3,
    "rpc.stdio": 3,
    "rpc.outbox": 3,
    "rpc": 4,
    "early": 4,
    "supervisor": 4,
    "monitor": 5,
    "api": 6,
    "app": 7,
    "boot": 7,
    "cli": 7,
    "commands": 7,
    "console": 7,
    "dashboard": 7,
    "__main__": 8,
}
BASE = "sidecar"  # the package itself: its version, below everything
# Upwards: the log opens its file like all files of the data folder. Within a layer: settings report mistakes as errors; the entry
# points call one another; the dashboard reaches its sidecar as the console tools do.
EXCEPTIONS = {
    ("log", "process"),
    ("settings", "errors"),
    ("settings", "fields"),
    ("boot", "app"),
    ("cli", "boot"),
    ("cli", "console"),
    ("cli", "commands"),
    ("commands", "console"),
    ("commands", "dashboard"),
    ("dashboard", "console"),
}
MAX_LINES = 400
# Only these packages depend on the platform. Any other module that does is listed with its reason, at most five.
PLATFORM_PACKAGES = {"process", "firewall"}
PLATFORM_EXCEPTIONS = {
    "boot": "before hello it sets signals and stderr by hand: each import would cost more than that",
    "settings.paths": "a library that knows the system's folders takes a third of the time to the backend's launch",
    "__main__": "a helper process is recognised before anything is imported",
}
MAX_PLATFORM_EXCEPTIONS = 5
_PLATFORM_MODULES = {"_winapi", "ctypes", "fcntl", "msvcrt", "platform", "pwd", "resource", "termios", "winreg"}
_PLATFORM_FACTS = {("sys", "platform"), ("sys", "getwindowsversion"), ("os", "name")}


class Import(NamedTuple):
    """``source`` imports ``target``; both are dotted module names below ``sidecar``."""

    source: str
    target: str
    line: int


def package_of(module: str) -> str:
    """Returns a module's package, by the longest name in LAYERS."""
    parts = module.split(".")
    for length in (2, 1):
        name = ".".join(parts[:length])
        if name in LAYERS:
            return name
    return parts[0] or BASE


def imports_of(module: str, source: str, *, is_package: bool, modules: set[str]) -> Iterator[Import]:
    """Yields every import of our own package in ``source``."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    known = {name for whole in modules for name in (whole, whole.rpartition(".")[0])}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sidecar":
                    yield Import(module, alias.name.removeprefix("sidecar").lstrip("."), node.lineno)
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
                yield Import(module, whole if whole in known else ".".join(stem), node.lineno)


def complaint(one: Import) -> str | None:
    """Returns why an import is not allowed, or None."""
    source, target = package_of(one.source), package_of(one.target)
    if BASE in {source, target} or source == target or (source, target) in EXCEPTIONS:
        return None
    for name in (source, target):
        if name not in LAYERS:
            return f"{name} has no layer; give it one in tools/checks/layers.py"
    if LAYERS[target] < LAYERS[source]:
        return None
    return f"layer {LAYERS[source]} ({source}) imports {one.target} (layer {LAYERS[target]})"


def platform_uses(source: str) -> Iterator[tuple[int, str]]:
    """Yields lines that query the system, or import a module of only one system."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in _PLATFORM_FACTS:
                yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from (
                (node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] in _PLATFORM_MODULES
            )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named = {(node.module, alias.name) for alias in node.names}
            if node.module.split(".")[0] in _PLATFORM_MODULES or named & _PLATFORM_FACTS:
                yield node.lineno, node.module


def platform_complaints(sources: Mapping[str, str]) -> Iterator[str]:
    """Yields violations of the rule about the platform; ``sources``: module → text."""
    known = {module for module, source in sources.items() if any(platform_uses(source))}
    known = {module for module in known if module.partition(".")[0] not in PLATFORM_PACKAGES}
    for module in sorted(known - PLATFORM_EXCEPTIONS.keys()):
        for line, what in platform_uses(sources[module]):
            yield f"{module}:{line}: {what} belongs into process/platform"
    for module in sorted(PLATFORM_EXCEPTIONS.keys() - known):
        yield f"{module} is an exception that no longer needs to be one"
    if len(PLATFORM_EXCEPTIONS) > MAX_PLATFORM_EXCEPTIONS:
        yield f"{len(PLATFORM_EXCEPTIONS)} modules are excepted from the rule about the platform"


def windows_by_variable(source: str) -> Iterator[tuple[int, str]]:
    """Yields lines that find Windows' folder or shell by a variable, which whoever starts the app chooses. Use GetSystemDirectoryW."""
    for line, text in enumerate(source.splitlines(), 1):
        if found := re.search(
            r"get(?:env)?\(\"(SYSTEMROOT|SystemRoot|WINDIR|COMSPEC)\"|environ\[\"(\w+ROOT|WINDIR)", text
        ):
            yield line, f"finds Windows by a variable: {found[0]}"


def modules() -> dict[str, Path]:
    """Returns every module of the package by its dotted name below ``sidecar``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yields import cycles, including those only for types; ``graph``: module → its imports."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        yield "circle of imports: " + " → ".join(reversed(error.args[1]))


def check() -> Iterator[str]:
    """Finds imports that go up, sideways or in a cycle, packages without a layer, files that are too long, and modules that must not depend on the platform."""
    for path in sorted((PACKAGE / "dashboard" / "page").rglob("*")):
        if path.is_file() and "vendor" not in path.parts:
            yield from too_long(path, path.read_text(encoding="utf-8"))
    ours = modules()
    graph: dict[str, set[str]] = {}
    yield from platform_complaints({module: path.read_text(encoding="utf-8") for module, path in ours.items()})
    for module, path in ours.items():
        source = path.read_text(encoding="utf-8")
        place = path.relative_to(ROOT).as_posix()
        if package_of(module) not in {*LAYERS, BASE}:
            yield f"{place}: {package_of(module)} has no layer; give it one in tools/checks/layers.py"
        yield from too_long(path, source)
        yield from (f"{place}:{line}: {text}" for line, text in windows_by_variable(source))
        imports = list(imports_of(module, source, is_package=path.name == "__init__.py", modules=set(ours)))
        # A package's __init__ imports its modules, and each of these may import its siblings: only modules count.
        graph[module] = {one.target for one in imports if ours.get(one.target, path).name != "__init__.py"} - {module}
        for one in imports:
            if text := complaint(one):
                yield f"{place}:{one.line}: {text}"
    yield from circles(graph)


def too_long(path: Path, text: str) -> Iterator[str]:
    """Yields a finding for a file that has too many lines."""
    if (length := len(text.splitlines())) > MAX_LINES:
        yield f"{path.relative_to(ROOT).as_posix()}: {length} lines; at most {MAX_LINES}"
