"""The table of packages in docs/architecture.md, from the actual imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.checks.layers import BASE, LAYERS, imports_of, modules, package_of

from . import regions
from .regions import row


def filled(text: str) -> str:
    """Returns the page with the current table."""
    return regions.filled(text, {"packages": _packages})


def _packages() -> Iterator[str]:
    ours = modules()
    imports: dict[str, set[str]] = {name: set() for name in LAYERS}
    for module, path in ours.items():
        source = path.read_text(encoding="utf-8")
        for one in imports_of(module, source, is_package=path.name == "__init__.py", modules=set(ours)):
            imports.setdefault(package_of(module), set()).add(package_of(one.target))
    yield "| layer | package | what it is for | imports |\n|---|---|---|---|\n"
    for name, layer in sorted(LAYERS.items(), key=lambda one: (-one[1], one[0])):
        below = sorted(imports[name] - {name, BASE})
        yield row(str(layer), f"`{name}`", _purpose(ours[name]), ", ".join(f"`{one}`" for one in below))


def _purpose(path: Path) -> str:
    """Returns the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("``", "`")
