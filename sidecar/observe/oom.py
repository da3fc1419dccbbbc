"""Whether the kernel killed because memory ran out, from its own counters. Linux; elsewhere unknown."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..core.exit_status import ExitStatus
from ..process import oom_kills


class OomCounters(NamedTuple):
    """How many processes the out-of-memory killer has killed so far; None where the kernel does not say.

    ``cgroup``: in our control group, which the backend is in too; ``system``: in the whole system, or container host.
    """

    cgroup: int | None
    system: int | None


def read_counters(root: Path = Path("/")) -> OomCounters:
    """The counters as they are now; a few small files of the kernel's, no disk."""
    return OomCounters(*oom_kills.read(str(root)))


def oom_killed(before: OomCounters, after: OomCounters, status: ExitStatus) -> bool | None:
    """Whether the run that lived between the two readings was killed because memory ran out; None if unknown.

    The killer uses SIGKILL (137 where a shell passes it on). A counter that stood still proves that it did not act; one
    that moved in our own group speaks for the backend, one that moved in the system only may have been about others.
    """
    if status.signal != 9 and status.code != 137:
        return False if status.known else None
    if before.cgroup is not None and after.cgroup is not None and after.cgroup > before.cgroup:
        return True
    if before.system is not None and after.system is not None and after.system == before.system:
        return False
    return None
