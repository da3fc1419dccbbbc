"""Whether the kernel killed because memory ran out, from its own counters. Linux; elsewhere unknown."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..core.exit_status import ExitStatus
from ..process import oom_kills


class OomCounters(NamedTuple):
    """Kills by the out-of-memory killer so far, in our control group and in the whole system; None: the kernel does not say."""

    cgroup: int | None
    system: int | None


def read_counters(root: Path = Path("/")) -> OomCounters:
    """The counters as they are now; a few small files of the kernel's, no disk."""
    return OomCounters(*oom_kills.read(str(root)))


def oom_killed(before: OomCounters, after: OomCounters, status: ExitStatus) -> bool | None:
    """Whether the run between the two readings was killed because memory ran out; None if unknown.

    The killer uses SIGKILL (137 from a shell). A counter that stood still acquits it; one of the system may be about others.
    """
    if status.signal != 9 and status.code != 137:
        return False if status.known else None
    if before.cgroup is not None and after.cgroup is not None and after.cgroup > before.cgroup:
        return True
    if before.system is not None and after.system is not None and after.system == before.system:
        return False
    return None
