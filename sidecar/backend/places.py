"""Where the backend's program may lie and run, on a disk of which a user may not see everything."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import BackendNotAFileError, BackendNotExecutableError, BackendNotFoundError, SidecarError
from ..settings.model import Backend


def starting_folder(backend: Backend) -> Path:
    """Where relative paths begin: our working directory; where that was removed meanwhile, a backend named in full needs none.

    Raises:
        BackendNotFoundError: it is gone, and the backend needs it.
    """
    try:
        return Path.cwd()
    except OSError as error:
        program = Path(backend.command[0]) if backend.command else Path()
        if program.is_absolute():
            return Path(program.anchor)
        raise BackendNotFoundError(
            f"The folder in which the sidecar was started is gone, so a relative path leads nowhere: {error.strerror}",
            hint="Start it in another folder, or give the backend's whole path.",
            data={"path": str(program)},
        ) from None


def is_file(path: Path) -> bool:
    """False also where a folder on the way may not be entered: pathlib raises that (until Python 3.14)."""
    return os.path.isfile(path)  # noqa: PTH113 -- as said


def may_be_there(path: Path) -> bool:
    """Whether there is such a thing, or it cannot be seen whether; that is told when it cannot be run."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def check_folder(path: Path) -> None:
    """Says why the backend cannot run in a folder.

    Raises:
        BackendNotFoundError, BackendNotAFileError, BackendNotExecutableError: with path and remedy.
    """
    try:
        if path.is_dir():
            return
    except PermissionError as denied:
        raise BackendNotExecutableError(
            f"The backend's working folder may not be entered: {path} ({denied.strerror})",
            hint="Give this user the right to enter it and each folder on the way to it, or change [backend] cwd.",
            data={"path": str(path)},
        ) from denied
    error: type[SidecarError] = BackendNotAFileError if path.exists() else BackendNotFoundError
    raise error(
        f"The backend's working folder {'is no folder' if path.exists() else 'does not exist'}: {path}",
        hint="Create it, or change [backend] cwd.",
        data={"path": str(path)},
    )
