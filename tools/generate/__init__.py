"""Every generated file: its path from the root and its text. ``python -m tools.generate`` writes or compares them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from . import (
    api_page,
    architecture_page,
    golden,
    hello,
    manifests,
    protocol_page,
    quick_table,
    sandbox_page,
    schema,
    settings_page,
    shim,
    typescript,
)

COMMAND = "python -m tools.generate"


def pretty(value: Any) -> str:
    """Formats JSON as in the repository."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def generated(root: Path) -> dict[str, str]:
    """Returns path → text, from the tables and docstrings of the imported package.

    Args:
        root: the checkout. Read for the text around generated regions, and for the parts of the shim's preload.
    """

    def old(path: str) -> str:
        return (root / path).read_text(encoding="utf-8")

    files = {f"schemas/{path}.json": pretty(one) for path, one in schema.schemas().items()}
    files["schemas/index.json"] = pretty(schema.index())
    files["sidecar/settings/table.py"] = quick_table.module()
    files["docs/settings.md"] = settings_page.page()
    files["docs/causes.md"] = import_module("tests.failures.page").page()
    for path, filled in (
        ("docs/api.md", api_page.filled),
        ("docs/protocol.md", protocol_page.filled),
        ("docs/architecture.md", architecture_page.filled),
        ("docs/sandbox.md", sandbox_page.filled),
        ("sidecar/wire/hello.py", hello.filled),
        *((path, manifests.filled) for path in manifests.FILES),
    ):
        files[path] = filled(old(path))
    files["electron-shim/types/protocol.d.ts"] = typescript.protocol_types()
    files["electron-shim/types/renderer.d.ts"] = typescript.renderer_types()
    files["electron-shim/lib/names.js"] = names = shim.names_module()
    parts = {name: old(f"electron-shim/lib/{name}") for name in shim.PRELOAD_PARTS}
    files["electron-shim/preload.standalone.js"] = shim.standalone_preload({"names.js": names} | parts)
    files |= {f"tests/golden/frames/{name}.json": pretty(frame) for name, frame in golden.frames().items()}
    return files


def drift(root: Path, files: dict[str, str]) -> list[str]:
    """Returns one line for each file that differs, is missing, or is left over."""
    out = []
    for path, text in files.items():
        target = root / path
        if not target.is_file():
            out.append(f"{path}: is missing; run {COMMAND}")
        elif target.read_text(encoding="utf-8") != text:
            out.append(f"{path}: is out of date; run {COMMAND}")
    return out + [f"{path}: belongs to nothing in the tables; run {COMMAND}" for path in leftovers(root, files)]


def leftovers(root: Path, files: dict[str, str]) -> list[str]:
    """Returns files in generated folders that are no longer generated. Golden frames count only if they could be generated."""
    folders = ["schemas/messages", "schemas/channels", "schemas/events"]
    if any(path.startswith("tests/golden/") for path in files):
        folders.append("tests/golden/frames")
    there = [path.relative_to(root).as_posix() for name in folders for path in sorted((root / name).glob("*.json"))]
    return [path for path in there if path not in files]


def write(root: Path, files: dict[str, str]) -> list[str]:
    """Writes files that differ and deletes those left over; returns the changed paths."""
    changed = leftovers(root, files)
    for path in changed:
        (root / path).unlink()
    for path, text in files.items():
        target = root / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed
