"""Folders to which a sandbox may grant access: those that the backend cannot redirect with a link.

What the backend may write, it may also replace by a link before the next start. So a folder below a writable one gets
no separate rule: the outer folder's rule covers it, and a link in its place gives access to nothing.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..base import SandboxRequest
from ..platform.files import is_inside

_MAX_LINKS = 40  # in one path, as on Linux


class Folders(NamedTuple):
    """Paths that get a rule, and notes about those that get none."""

    paths: list[str]
    notes: list[str]


def absolute(path: str) -> str:
    """Expands ``~`` and removes dots; keeps links."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 -- pathlib has no abspath that keeps links


def holds_home(path: str) -> bool:
    home = os.path.expanduser("~")  # noqa: PTH111 -- strings
    return is_inside(os.path.normcase(os.path.realpath(home)), os.path.normcase(os.path.realpath(path)))


def path_notes(request: SandboxRequest) -> list[str]:
    notes = []
    for setting, paths in (("sandbox.write", request.write), ("sandbox.read", request.read)):
        for path in paths:
            if not os.path.exists(path):  # noqa: PTH110 -- strings
                effect = "the backend gets no access to it. Create it and restart the backend"
                notes.append(f"{setting} names {path}, which does not exist: {effect}")
            elif setting == "sandbox.write" and os.path.isfile(path):  # noqa: PTH113 -- strings
                effect = "the backend can change its content, but not replace, rename or remove it; if it has to, list its folder instead"
                notes.append(f"{setting} names the file {path}: {effect}")
            elif holds_home(path):
                effect = "the backend can access all of it"
                if sys.platform == "win32":
                    effect = "Windows would let every program at integrity level Low change it, so the backend gets no access to it"
                notes.append(f"{setting} names {path}, which contains your home folder: {effect}")
    return notes


def select_writable(wanted: Iterable[str]) -> Folders:
    paths = list(dict.fromkeys(wanted))
    outer = [path for path in paths if not any(is_inside(path, other) for other in paths if other != path)]
    return _select(paths, outer)


def select_readable(wanted: Iterable[str], writable: Sequence[str]) -> Folders:
    """Returns those of the wanted readable folders that need a rule besides the writable ones."""
    return _select([path for path in dict.fromkeys(wanted) if path not in writable], writable)


def is_changeable(path: str, writable: Sequence[str]) -> bool:
    """Whether the backend, which may write these folders, can change a file or a link in its path."""
    for _ in range(_MAX_LINKS):
        if _reached_through(path, writable) is not None:
            return True
        try:
            target = os.readlink(path)  # noqa: PTH115 -- strings
        except OSError:
            return False
        folder = os.path.realpath(os.path.dirname(path))  # noqa: PTH120 -- strings
        path = os.path.abspath(os.path.join(folder, target))  # noqa: PTH100, PTH118 -- strings
    return True


def _select(paths: Iterable[str], writable: Sequence[str]) -> Folders:
    kept, notes = [], []
    for path in paths:
        above = _reached_through(path, [folder for folder in writable if folder != path])
        if above is None:
            kept.append(path)
        elif not is_inside(os.path.realpath(path), os.path.realpath(above)):
            notes.append(
                f"The sandbox gives no access to {path}: it is a link in {above}, which the backend may write, so the backend"
                f" could redirect it anywhere. Add {os.path.realpath(path)} to sandbox.write instead"
            )
    return Folders(kept, notes)


def _reached_through(path: str, folders: Sequence[str]) -> str | None:
    """Returns the folder whose content decides where a path leads; None if no given folder does."""
    real = {os.path.realpath(folder): folder for folder in folders}
    place = path
    while True:
        parent, name = os.path.split(place)
        entry = os.path.join(os.path.realpath(parent), name)  # noqa: PTH118 -- strings
        for folder, named in real.items():
            if is_inside(entry, folder):
                return named
        if parent == place:
            return None
        place = parent
