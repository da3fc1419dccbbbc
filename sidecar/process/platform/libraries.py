"""Shared libraries: which ones the dynamic loader would find, and the search path that children inherit."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAY_LACK_LIBRARIES = sys.platform == "linux"
"""Whether libraries that programs commonly need may be missing on this system."""

_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/usr/lib/*-linux-*", "/lib/*-linux-*")
_CACHE = "/etc/ld.so.cache"


def installed_libraries(search_path: str) -> Iterator[str]:
    """Yields the file names of the libraries that Linux's loader would find: from its cache, its folders and LD_LIBRARY_PATH. May block on a disk."""
    import re
    from pathlib import Path

    try:
        cache = Path(_CACHE).read_bytes()
    except OSError:  # musl has none
        cache = b""
    for name in re.findall(rb"lib[\w+.-]+\.so[\w.]*", cache):
        yield name.decode("ascii", "replace")
    known = (folder for pattern in _FOLDERS for folder in Path("/").glob(pattern.lstrip("/")))
    for folder in (*map(Path, filter(None, search_path.split(":"))), *known):
        if folder.is_dir():
            yield from (path.name for path in folder.glob("lib*.so*"))


def restore_search_path() -> None:
    """Undoes PyInstaller's changes to the search path, which every child would inherit; see its manual, "Launching external programs"."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetDllDirectoryW(None)
    elif sys.platform != "darwin":
        original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        if original is None:
            os.environ.pop("LD_LIBRARY_PATH", None)
        else:
            os.environ["LD_LIBRARY_PATH"] = original
