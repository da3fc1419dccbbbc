"""What a level of the sandbox means on Windows: integrity level Low, which ``process/windows/confined.py`` carries out."""

from __future__ import annotations

import os

from ..base import SandboxRequest
from ..platform.files import is_inside
from . import folders

MECHANISM = "integrity level Low, no privileges, mitigation policies (requested; not verified on a real Windows)"
PROTECTIONS = frozenset({"write", "trace", "truncate", "privileges"})


def select_writable(request: SandboxRequest) -> folders.Folders:
    """The paths that get the label Low, which outlives the run: so none that holds the user's home."""
    wanted = (*request.folders, *request.write)
    return folders.select_writable(path for path in wanted if not folders.holds_home(path))


def is_allowed(request: SandboxRequest, path: str, *, write: bool) -> bool:
    """Whether the backend may read a path, which it may, or change it."""
    paths = (os.path.normcase(os.path.realpath(each)) for each in select_writable(request).paths)
    real = os.path.normcase(os.path.realpath(path))
    return not write or any(is_inside(real, each) for each in paths)
