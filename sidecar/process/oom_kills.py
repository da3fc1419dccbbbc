"""How many processes the kernel has killed because memory ran out, from its own counters. Linux only; unknown elsewhere."""

from __future__ import annotations

from .tree import read_file

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from ..core.exit_status import ExitStatus

    Counts = tuple[int | None, int | None]


def read(root: str = "/") -> Counts:
    """Returns the counts of this process's control group and of the whole system; None if the kernel does not report them."""
    return _of_our_group(root), _count(f"{root}/proc/vmstat", b"oom_kill")


def was_killed(before: Counts, after: Counts, status: ExitStatus) -> bool | None:
    """Whether the run between the two readings was killed because memory ran out; None if unknown."""
    # The kernel uses SIGKILL (137 from a shell); with another status a launcher may have outlived its program. An unchanged counter
    # rules an out-of-memory kill out; a higher system-wide count may concern other processes.
    if before[0] is not None and after[0] is not None and after[0] > before[0]:
        return True
    if status.signal != 9 and status.code != 137:
        return False if status.known else None
    return False if before[1] is not None and before[1] == after[1] else None


def _of_our_group(root: str) -> int | None:
    """Reads memory.events of cgroup v2, or memory.oom_control of v1."""
    for line in read_file(f"{root}/proc/self/cgroup").splitlines():
        controllers, _, path = line.partition(b":")[2].partition(b":")
        name = path.strip(b"/").decode("utf-8", "surrogateescape")
        if not controllers:
            file = f"{root}/sys/fs/cgroup/{name}/memory.events"
        elif b"memory" in controllers.split(b","):
            file = f"{root}/sys/fs/cgroup/memory/{name}/memory.oom_control"
        else:
            continue
        if (count := _count(file, b"oom_kill")) is not None:
            return count
    return None


def _count(file: str, name: bytes) -> int | None:
    for line in read_file(file).splitlines():
        key, _, value = line.partition(b" ")
        if key == name and value.isdigit():
            return int(value)
    return None
