"""Identifies one process among all others: pid, start time, and the namespace in which these are valid."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from .base import ProcessId


def identify(pid: int) -> ProcessId | None:
    """Returns the live process with that pid; None if it does not exist or is a zombie. OSError: no descriptor is left to look with."""
    if sys.platform == "win32":
        from .windows import lookup

        return lookup.identify(pid)
    from . import tree
    from .base import ProcessId
    from .descendants import source

    read, file = source().read_entry, f"{tree.PROC}/{pid}/stat"
    entry = read(pid)
    if entry is None and os.access(file, os.R_OK):
        entry = read(pid)  # it may have started or ended in between
        if entry is None and os.access(file, os.R_OK):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), file)
    return ProcessId(pid, entry.started) if entry is not None and entry.alive else None


def is_alive(process: ProcessId) -> bool:
    """Whether exactly this process is alive, not another with its pid. Also True if that cannot be determined."""
    try:
        return identify(process.pid) == process
    except OSError:
        return True


def own_identity() -> ProcessId:
    try:
        found = identify(os.getpid())
    except OSError:
        found = None
    from .base import ProcessId

    return found or ProcessId(os.getpid(), 0.0)


def pid_namespace() -> str:
    """Returns boot id and pid namespace, within which pids and start times (since boot) are comparable; empty if times are absolute, or unknown."""
    if sys.platform != "linux":
        return ""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123 - not a path of the user's
            boot = file.read().decode().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - as above
    except OSError:
        return ""
