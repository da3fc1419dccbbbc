"""Only for a packed sidecar: removes the traces of its loader, and detects missing files."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONTENTS = "contents.json"  # written by packaging/build.py next to the libraries
_REMEDY = "Reinstall the app, or copy the whole folder again while no sidecar runs from it"


def shed_loader() -> None:
    """Restores the original environment: children inherit it, and a backend would load the sidecar's libraries."""
    # The loader sets the search path for libraries and adds ``_PYI_`` variables. The sidecar itself no longer needs
    # either: the system's loader read the path at the start, and Windows finds a module's libraries next to it.
    for name in [name for name in os.environ if name.startswith("_PYI_") or name == "_MEIPASS2"]:
        del os.environ[name]
    from .process.platform.libraries import restore_search_path

    restore_search_path()


def damage() -> str:
    """Returns what is wrong with the sidecar's folder, and the remedy; empty if nothing is wrong or that is unknown."""
    import json

    folder = os.path.dirname(sys.executable)  # noqa: PTH120 - pathlib may be what is missing
    libraries = getattr(sys, "_MEIPASS", folder)
    try:
        with open(os.path.join(libraries, _CONTENTS), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as above
            files: dict[str, Any] = dict(json.load(file)["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    # Signing makes a program or library longer, so only a shorter file is incomplete.
    wrong = [name for name, size in files.items() if _size(os.path.join(folder, name)) < size]  # noqa: PTH118 - as above
    if not wrong:
        return ""
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return f"the sidecar's folder {folder} is damaged: missing or incomplete: {', '.join(wrong[:5])}{more}. {_REMEDY}"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - as above
    except OSError:
        return -1
