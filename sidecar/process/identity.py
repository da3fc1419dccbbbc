"""What tells one process from every other: its pid, its start time, and where these two count."""

from __future__ import annotations

import os
import sys

from .base import ProcessId


def identify(pid: int) -> ProcessId | None:
    """The live process with that pid; None when there is none, or only a zombie."""
    if sys.platform == "win32":
        from .windows import lookup

        return lookup.identify(pid)
    if sys.platform == "linux":
        from .tree import read_entry
    else:
        from .portable import read_entry
    entry = read_entry(pid)
    return ProcessId(pid, entry.started) if entry is not None and entry.alive else None


def is_alive(process: ProcessId) -> bool:
    """Whether that very process lives, and not another one with its pid."""
    return identify(process.pid) == process


def pid_namespace() -> str:
    """Where a pid and a start time are comparable.

    On Linux start times count from boot, and every container counts its own pids: the boot id and the pid namespace.
    Elsewhere start times are absolute: nothing.
    """
    if sys.platform != "linux":
        return ""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - not a path of the user's
            boot = file.read().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - as above
    except OSError:
        return ""
