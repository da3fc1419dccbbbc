"""The table of rooms in docs/architecture.md, from the real imports: ``python -m tests.support.house [--write]``."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from tests.unit.test_floors import FLOORS, GROUND, PACKAGE, arrows, house, room

PAGE = PACKAGE.parent / "docs" / "architecture.md"
_REGION = re.compile(r"(<!-- generated: rooms -->\n).*?(<!-- end -->)", re.DOTALL)


def table() -> str:
    """Floor, room, what it is for, and the rooms that it imports; the highest floor first."""
    modules = house()
    imports: dict[str, set[str]] = {name: set() for name in FLOORS}
    for module, path in modules.items():
        source = path.read_text(encoding="utf-8")
        for arrow in arrows(module, source, is_package=path.name == "__init__.py", modules=set(modules)):
            imports.setdefault(room(module), set()).add(room(arrow.target))
    lines = ["| floor | room | what it is for | imports |", "|---|---|---|---|"]
    for name, floor in sorted(FLOORS.items(), key=lambda one: (-one[1], one[0])):
        below = sorted(imports[name] - {name, GROUND})
        lines.append(f"| {floor} | `{name}` | {purpose(modules[name])} | {', '.join(f'`{one}`' for one in below)} |")
    return "\n".join(lines) + "\n"


def purpose(path: Path) -> str:
    """The first line of a module's docstring."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].replace("``", "`").replace("|", "\\|")


def filled(text: str) -> str:
    """The page with the table of now."""
    return _REGION.sub(lambda found: f"{found[1]}{table()}{found[2]}", text)


def main(write: bool) -> int:
    """Compares or writes; 1 where the page differs."""
    text = PAGE.read_text(encoding="utf-8")
    if write:
        PAGE.write_text(filled(text), encoding="utf-8", newline="\n")
        return 0
    return int(filled(text) != text)


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
