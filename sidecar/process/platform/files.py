"""The sidecar's own files, opened so that neither another user nor a badly protected folder can exploit it.

Nothing follows a link, waits for a FIFO, opens a device or reads a huge file; only the owner can access what is created,
whatever the umask. Windows has no such modes: there a file inherits its folder's permissions.
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
    from pathlib import Path  # importing it takes 3 ms
    from socket import socket
    from typing import TypeVar

    _T = TypeVar("_T")

_OWNER_ONLY = 0o600
# On Windows a folder inherits its parent's permissions, which include the user's. There CPython (since 3.12.4) limits 0o700 to the
# owner, which for an elevated process is the group Administrators: the user would be locked out (cpython#157876).
_FOLDER_OF_OWNER = 0o777 if sys.platform == "win32" else 0o700
_EVERYONE_READS = 0o644
_SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
# Access denied, sharing violation, lock violation: the errors while an antivirus or an indexer holds the file.
_HELD = (5, 32, 33)
_PAUSES = (0.01, 0.015, 0.02, 0.02, 0.02)  # seconds; the sum is imperceptible, because the event loop waits

_places: dict[str, str] = {}  # folders that a sandboxed backend may change → their real paths


def keep_within(folders: Iterable[str]) -> None:
    """Ensures that from now on nothing below these folders is opened, made or removed through a link, which a sandboxed backend could create."""
    if sys.platform == "linux":  # the only system that enforces a sandbox and shows a descriptor's path in /proc
        for folder in sorted(map(os.path.expanduser, folders), key=len):
            if _real_place(folder) is None:
                _places[folder] = os.path.realpath(folder)


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is the folder or lies in it, by name only."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _real_place(folder: str) -> str | None:
    """Returns the real path that a folder has unless a link was inserted; None: it is in no folder that a backend may change."""
    for above, place in _places.items():
        if is_inside(folder, above):
            return place + folder[len(above) :]
    return None


def _at(path: str | Path, call: Callable[[str, int | None], _T]) -> _T:
    """Calls with the name and a descriptor of its folder, which no link can redirect; outside such folders with the whole path and None."""
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
    """Opens a regular file and returns its descriptor. OSError: it is not one, cannot be opened, or (unless ``linked``) has a second name."""
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
    """Returns the content of a regular file; above ``limit`` bytes its end if ``last``, else OSError. Also raises like open_regular."""
    descriptor = open_regular(path)
    with open(descriptor, "rb", closefd=True) as file:
        size = os.fstat(descriptor).st_size
        if size > limit:
            if not last:
                raise OSError(EFBIG, f"it has {size} bytes, at most {limit} are read", str(path))
            file.seek(size - limit)
        return file.read(limit)


def open_append(path: str | Path) -> int:
    """Opens an owner-only file for appending, and creates it if missing. OSError: as open_regular, or it is another user's."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        _keep_to_owner(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def create_file(path: str | Path) -> int:
    """Creates an owner-only file and returns its descriptor. Raises FileExistsError for any entry of that name, even a dangling link."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    _keep_to_owner(descriptor, path)
    return descriptor


def make_folder(path: str | Path) -> None:
    """Creates a folder that only its owner may enter, and missing parents; raises OSError like Path.mkdir."""
    folder = os.path.abspath(path)
    if os.path.isdir(folder):  # creating one blocks on a disk that does not answer, a look hardly ever does
        return
    try:
        _make_one(folder)
    except FileNotFoundError:
        above = os.path.dirname(folder)
        if above == folder:  # a drive or a server's share that does not exist
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
    """Writes a file so that readers see either the old or the new content. Creates its folder, unless ``public``: readable by all users. Raises OSError."""
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
    """Raises OSError if the path, or what it links to (/dev/stdout), is not a file. Root could otherwise replace /dev/null by a file."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(EINVAL, "it is not a regular file", str(path))


def remove_file(path: str | Path) -> None:
    """Removes a file if it exists. Raises OSError."""
    try:
        _retrying(path, lambda: _at(path, lambda name, parent: os.unlink(name, dir_fd=parent)))
    except FileNotFoundError:
        pass


def distrust(path: str | Path, *, shared: bool = False) -> str | None:
    """Returns why a file or folder cannot be trusted, as in "others can write to it"; None if it can. Only a folder may be reached by a link.

    ``shared``: also trust a folder such as /tmp, in which users can only remove what is theirs.
    """
    if sys.platform == "win32":
        return None
    try:
        seen = os.lstat(path)
        if stat.S_ISLNK(seen.st_mode) and os.path.isdir(path):
            seen = os.stat(path)
    except OSError:
        return None  # there is nothing to distrust
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
    """Whether a group is this user's private group, as on systems with umask 002."""
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
    """Whether an access control list gives further users and groups rights; the group bits are then the maximum of these."""
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
    """Renames a file in its folder, replacing what has the new name. Raises OSError."""

    def rename(name: str, parent: int | None) -> None:
        os.replace(source if parent is None else os.path.basename(source), name, src_dir_fd=parent, dst_dir_fd=parent)

    _retrying(target, lambda: _at(target, rename))


def _retrying(path: str | Path, call: Callable[[], None]) -> None:
    """Calls the function, on Windows again while another program holds the file."""
    for pause in _PAUSES if SYSTEM == "win32" else ():
        try:
            return call()
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD or os.path.isdir(path):
                raise
            time.sleep(pause)
    return call()
