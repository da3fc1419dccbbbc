"""The files of the page, as they are in the package: in a checkout, a wheel or a frozen folder."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from ..errors import InternalError

INDEX = "index.html"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


class PageFile(NamedTuple):
    """One file and the media type of its text, which is UTF-8."""

    content: bytes
    media_type: str


def page_files() -> dict[str, PageFile]:
    """Every file by its path below ``page``, with ``/`` between its parts: nothing else can be requested."""
    found: dict[str, PageFile] = {}
    _gather(files(__package__).joinpath("page"), "", found)
    if INDEX not in found:
        raise InternalError(f"The dashboard's {INDEX} is missing from this installation", hint="Reinstall the sidecar.")
    return found


def _gather(folder: Traversable, prefix: str, found: dict[str, PageFile]) -> None:
    for entry in folder.iterdir():
        media_type = _TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if entry.is_dir():
            _gather(entry, f"{prefix}{entry.name}/", found)
        elif media_type is not None:
            found[prefix + entry.name] = PageFile(entry.read_bytes(), media_type)
