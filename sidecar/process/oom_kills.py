"""How many processes the kernel has killed because memory ran out, from its own counters. Linux; elsewhere unknown.

The first run is launched before pathlib is imported, and its count is taken before that.
"""

from __future__ import annotations


def read(root: str = "/") -> tuple[int | None, int | None]:
    """The counts of this process's control group and of the whole system; None where the kernel does not say."""
    return _of_our_group(root), _count(f"{root}/proc/vmstat", b"oom_kill")


def _of_our_group(root: str) -> int | None:
    """From memory.events of cgroup v2, or memory.oom_control of v1."""
    for line in _lines(f"{root}/proc/self/cgroup"):
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
    for line in _lines(file):
        key, _, value = line.partition(b" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _lines(file: str) -> list[bytes]:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - pathlib is not imported yet
            return stream.read().splitlines()
    except OSError:
        return []
