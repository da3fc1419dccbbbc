"""Files of ours, opened so that no neighbour and no careless folder can use it.

Nothing follows a link, waits for a FIFO, opens a device or reads a giant; what is created belongs to the owner alone,
whatever the umask. Windows has no such modes: there a file gets what its folder hands down.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from errno import EFBIG, EINVAL, ELOOP

from . import SYSTEM

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path  # to import it takes 3 ms of a start
    from socket import socket
    from typing import TypeVar

    _T = TypeVar("_T")

_OWNER_ONLY = 0o600
# On Windows a folder gets what its own folder hands down, the user's rights among it. CPython makes 0o700 there one of its owner
# alone (since 3.12.4), which of an elevated process is the group Administrators: the user would be locked out (cpython#157876).
_FOLDER_OF_OWNER = 0o777 if sys.platform == "win32" else 0o700
_EVERYONE_READS = 0o644
_SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
# Access denied, sharing violation, lock violation: what a change meets while an antivirus or an indexer holds the file.
_HELD = (5, 32, 33)
_PAUSES = (0.01, 0.015, 0.02, 0.02, 0.02)  # seconds; together less than anybody notices, for the event loop waits


_places: dict[str, str] = {}  # folders that a sandboxed backend may change, and where they really are


def keep_within(folders: Iterable[str]) -> None:
    """From now on nothing is opened, made or removed below these folders through a link: a sandboxed backend may make one."""
    if sys.platform == "linux":  # the one system that enforces a sandbox and names the place of a descriptor in /proc
        for folder in sorted(map(os.path.expanduser, folders), key=len):
            if _real_place(folder) is None:
                _places[folder] = os.path.realpath(folder)


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it, by their names alone."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _real_place(folder: str) -> str | None:
    """Where a folder is unless a link was put in its way; None: it is in none that a backend may change."""
    for above, place in _places.items():
        if is_inside(folder, above):
            return place + folder[len(above) :]
    return None


def _at(path: str | Path, call: Callable[[str, int | None], _T]) -> _T:
    """Calls with a name and the descriptor of its folder, which then cannot change; with the whole path and None where none may."""
    folder, name = os.path.split(path)
    place = _real_place(folder)
    if place is None or sys.platform != "linux":
        return call(os.fspath(path), None)
    parent = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.readlink(f"/proc/self/fd/{parent}") != place:
            raise OSError(ELOOP, "its folder is reached by a link that the backend may have made", str(path))
        return call(name, parent)
    finally:
        os.close(parent)


def open_regular(path: str | Path, flags: int = os.O_RDONLY, *, linked: bool = False) -> int:
    """A descriptor of a regular file. OSError: it is not one, cannot be opened, or (unless ``linked``) has a second name."""
    if sys.platform == "win32" and os.path.islink(path):
        raise OSError(ELOOP, os.strerror(ELOOP), str(path))
    descriptor = _at(path, lambda name, parent: os.open(name, flags | _SAFE, _OWNER_ONLY, dir_fd=parent))
    seen = os.fstat(descriptor)
    if stat.S_ISREG(seen.st_mode) and (linked or seen.st_nlink < 2):
        return descriptor
    os.close(descriptor)
    fault = "it is a hard link to another file" if stat.S_ISREG(seen.st_mode) else "it is not a regular file"
    raise OSError(EINVAL, fault, str(path))


def read_file(path: str | Path, limit: int, *, last: bool = False) -> bytes:
    """The content of a regular file; of one beyond ``limit`` bytes its end, if ``last``, else OSError. Also as open_regular."""
    descriptor = open_regular(path)
    with open(descriptor, "rb", closefd=True) as file:
        size = os.fstat(descriptor).st_size
        if size > limit:
            if not last:
                raise OSError(EFBIG, f"it has {size} bytes, at most {limit} are read", str(path))
            file.seek(size - limit)
        return file.read(limit)


def open_append(path: str | Path) -> int:
    """A descriptor that appends to a file of the owner alone, made where missing. OSError: as open_regular, or another user's."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        _keep_to_owner(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def create_file(path: str | Path) -> int:
    """A descriptor of a new file of the owner alone. Raises FileExistsError for any entry of that name, even a dead link."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    _keep_to_owner(descriptor, path)
    return descriptor


def make_folder(path: str | Path) -> None:
    """Makes a folder that only its owner may enter, and those above it; raises OSError as Path.mkdir."""
    folder = os.path.abspath(path)
    if os.path.isdir(folder):  # to make one waits for a disk that does not answer, to look hardly ever does
        return
    try:
        _make_one(folder)
    except FileNotFoundError:
        above = os.path.dirname(folder)
        if above == folder:  # a drive, or a share of a server, that is not there
            raise
        make_folder(above)
        _make_one(folder)


def _make_one(folder: str) -> None:
    try:
        _at(folder, lambda name, parent: os.mkdir(name, _FOLDER_OF_OWNER, dir_fd=parent))
    except FileExistsError:
        if not os.path.isdir(folder):
            raise


def bind_file(server: socket, path: str | Path) -> None:
    """Binds a Unix socket to a path. Raises OSError."""
    _at(path, lambda name, parent: server.bind(os.fspath(path) if parent is None else f"/proc/self/fd/{parent}/{name}"))


def replace_file(path: str | Path, data: bytes, *, public: bool = False) -> None:
    """Writes a file so that readers see the old content or the new; makes its folder, unless ``public``: for all users. Raises OSError."""
    _refuse_device(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp")
    try:
        try:
            descriptor = create_file(temporary)
        except FileNotFoundError:
            if public:
                raise
            make_folder(folder)
            descriptor = create_file(temporary)
        with open(descriptor, "wb", closefd=True) as file:
            file.write(data)
            if public and sys.platform != "win32":
                os.fchmod(descriptor, _EVERYONE_READS)
        move_file(temporary, path)
    except OSError:
        try:
            remove_file(temporary)
        except OSError:
            pass
        raise


def _refuse_device(path: str | Path) -> None:
    """OSError: what has that name, or what it links to (/dev/stdout), is no file. Root could put a file in place of /dev/null."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(EINVAL, "it is not a regular file", str(path))


def remove_file(path: str | Path) -> None:
    """Removes a file that may be gone already. Raises OSError."""
    try:
        _patiently(path, lambda: _at(path, lambda name, parent: os.unlink(name, dir_fd=parent)))
    except FileNotFoundError:
        pass


def distrust(path: str | Path, *, shared: bool = False) -> str | None:
    """Why a file or folder cannot be trusted, as in "others can write to it"; None where it can. Only a folder may be reached by a link.

    ``shared``: a folder in which everyone can only touch what is theirs, as /tmp, is trusted too.
    """
    if sys.platform == "win32":
        return None
    try:
        seen = os.lstat(path)
        if stat.S_ISLNK(seen.st_mode) and os.path.isdir(path):
            seen = os.stat(path)
    except OSError:
        return None  # nothing is there to be trusted
    if not (stat.S_ISDIR(seen.st_mode) or stat.S_ISREG(seen.st_mode)):
        return "it is neither a regular file nor a folder"
    is_shared = shared and seen.st_uid in {0, os.geteuid()} and bool(seen.st_mode & stat.S_ISVTX)
    if seen.st_uid != os.geteuid() and not is_shared:
        return f"it belongs to another user (uid {seen.st_uid})"
    by_group = seen.st_mode & stat.S_IWGRP and (not _is_own_group(seen.st_gid) or _has_access_list(path))
    if (seen.st_mode & stat.S_IWOTH or by_group) and not is_shared:
        return "other users can write to it"
    return None


def _is_own_group(group: int) -> bool:
    """Whether a group is the private one of this user, as systems with umask 002 have it."""
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    try:
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return group == user.pw_gid and entry.gr_name == user.pw_name and set(entry.gr_mem) <= {user.pw_name}


def _has_access_list(path: str | Path) -> bool:
    """Whether further users and groups have rights; the bits of the group are then the most that any of them has."""
    if sys.platform != "linux":
        return False
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False


def _keep_to_owner(descriptor: int, path: str | Path) -> None:
    if sys.platform == "win32":
        return
    seen = os.fstat(descriptor)
    if seen.st_uid != os.geteuid():
        raise OSError(EINVAL, f"it belongs to another user (uid {seen.st_uid})", str(path))
    if stat.S_IMODE(seen.st_mode) != _OWNER_ONLY:
        os.fchmod(descriptor, _OWNER_ONLY)


def move_file(source: str | Path, target: str | Path) -> None:
    """Gives a file another name in its folder, in place of what has that name. Raises OSError."""

    def rename(name: str, parent: int | None) -> None:
        os.replace(source if parent is None else os.path.basename(source), name, src_dir_fd=parent, dst_dir_fd=parent)

    _patiently(target, lambda: _at(target, rename))


def _patiently(path: str | Path, call: Callable[[], None]) -> None:
    """Calls it, on Windows again while another program holds the file."""
    for pause in _PAUSES if SYSTEM == "win32" else ():
        try:
            return call()
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD or os.path.isdir(path):
                raise
            time.sleep(pause)
    return call()
