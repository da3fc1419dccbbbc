"""The packed sidecar, if one was built."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.support.launch import ROOT, sidecar_command

PROGRAM = "sidecar.exe" if sys.platform == "win32" else "sidecar"
CONTENTS = Path("_internal", "contents.json")


def packed_folder() -> Path | None:
    """The folder of SIDECAR_COMMAND, else SIDECAR_FROZEN, else where ``packaging/build`` puts it; None if not found."""
    built = ROOT / "dist" / ("sidecar-win32-x64" if sys.platform == "win32" else "sidecar")
    given = os.environ.get("SIDECAR_FROZEN")
    for folder in (Path(sidecar_command()[0]).parent, Path(given) if given else built, built):
        if (folder / CONTENTS).is_file():
            return folder.resolve()
    return None


MISSING = (
    "" if packed_folder() else "no packed sidecar found: run packaging/build, or name its folder by SIDECAR_FROZEN"
)


def copy_to(folder: Path) -> Path:
    """Copies the packed sidecar, and returns the copy's program."""
    source = packed_folder()
    assert source is not None
    shutil.copytree(source, folder, symlinks=True)
    return folder / PROGRAM
