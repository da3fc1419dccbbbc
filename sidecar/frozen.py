"""What a packed sidecar does that an installed one need not: leave no trace of its loader, and know when it lost a file.

Packed means PyInstaller's one folder, made by packaging/build; ``sys.frozen`` tells.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONTENTS = "contents.json"  # written by packaging/build.py beside the libraries
_REMEDY = "Install the app again, or copy the whole folder again while no sidecar runs from it"


def shed_loader() -> None:
    """Gives the environment back as the owner gave it: every process that is started inherits it from here.

    The loader changes LD_LIBRARY_PATH for itself and keeps the old value under ``_ORIG``, adds ``_PYI_`` variables, and
    on Windows sets the DLL directory, which children inherit too (PyInstaller's manual, "Launching external programs
    from the frozen application"). A backend would load our libraries. The system's own loader has read the path at the
    start of the process, and Windows finds the libraries of a module beside it: nothing here needs either any more.
    """
    for name in [name for name in os.environ if name.startswith("_PYI_") or name == "_MEIPASS2"]:
        del os.environ[name]
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetDllDirectoryW(None)
    elif sys.platform != "darwin":
        original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        if original is None:
            os.environ.pop("LD_LIBRARY_PATH", None)
        else:
            os.environ["LD_LIBRARY_PATH"] = original


def damage() -> str:
    """What is wrong with the sidecar's folder and what to do about it; empty when nothing is, or when it cannot be told."""
    import json

    folder = os.path.dirname(sys.executable)  # noqa: PTH120 - pathlib may be what is missing
    libraries = getattr(sys, "_MEIPASS", folder)
    try:
        with open(os.path.join(libraries, _CONTENTS), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as above
            files: dict[str, Any] = dict(json.load(file)["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    # A signature makes a program or library longer, so only what is shorter has lost something.
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
