"""The kill of what an earlier sidecar and its guardian, both dead, have left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping

from . import killing, tree
from .base import ProcessId, Survivor
from .descendants import source

assert sys.platform != "win32"


def end_orphans(roots: Collection[ProcessId], marker: str, seconds: float) -> tuple[list[ProcessId], list[Survivor]]:
    """Kills the roots that may have the marker, all below, and what was started with it. Gives the killed and the survivors."""
    processes = source()
    roots = [root for root in roots if _may_have(processes.environment(root.pid), marker.encode())]
    found: dict[tuple[int, float], tree.Entry] = {}
    name, _, value = marker.partition("=")
    # If we ourselves run below that backend, a process with its marker may be the app that started us.
    assignment = b"" if os.environ.get(name) == value else marker.encode()
    spared = _ancestry(processes.table())

    def members() -> Iterator[tree.Entry]:
        """What is proven at this look, or was at an earlier one: a process stays ours when its parent has ended."""
        entries = processes.table()
        mine = {root.pid for root in roots if root.pid in entries and entries[root.pid].started == root.started}
        mine |= {entry.pid for entry in entries.values() if entry.key in found}
        mine -= spared
        proven = [entries[pid] for pid in mine]
        proven += tree.descendants(entries, mine, without=spared)
        for entry in proven:
            found.setdefault(entry.key, entry)
            yield entry
        # The youngest first, and each as it is now: a process that forks and leaves is gone a moment later.
        for pid in sorted(processes.pids(), reverse=True) if assignment else ():
            fresh = processes.read_entry(pid) if pid not in spared else None
            if fresh is not None and fresh.key not in found and assignment in processes.environment(pid):
                found[fresh.key] = fresh
                yield fresh

    kill = killing.TreeKill(members, processes.send, seconds)
    while (pause := kill.step()) is not None and not kill.over:
        time.sleep(pause)
    alive = [entry for entry in members() if entry.alive] if found else []
    survivors = {entry.key for entry in alive}
    return (
        [ProcessId(*key) for key, entry in found.items() if entry.alive and key not in survivors],
        [Survivor(entry.pid, entry.name) for entry in alive],
    )


def _ancestry(entries: Mapping[int, tree.Entry]) -> set[int]:
    """This process and all above it."""
    found = {os.getpid()}
    pid = os.getppid()
    while pid in entries and pid not in found:
        found.add(pid)
        pid = entries[pid].parent
    return found


def _may_have(environment: list[bytes], assignment: bytes) -> bool:
    """Whether the process was started with it, or wrote a title over its variables. One that shows none is not ours."""
    entries = [entry for entry in environment if entry]
    return assignment in entries or not all(b"=" in entry for entry in entries)
