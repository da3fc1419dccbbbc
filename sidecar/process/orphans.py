"""The kill of what a dead guardian has left: an earlier sidecar's, or our own, whose orphans are the sidecar's children now."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping

from . import killing, tree
from .base import ProcessId, Survivor
from .descendants import Descendants, source

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


async def kill_adopted(
    root: ProcessId, marker: bytes, seconds: float, *, only_proven: bool
) -> tuple[list[Survivor], list[Survivor]]:
    """Kills the tree; gives what is alive after ``seconds``, and what SIGKILL ended. ``root`` and ``marker`` count off Linux.

    ``only_proven``: a child counts with the marker alone, for others may be children of this process too: what a script had started
    before it became the sidecar (exec), and as the first process of a container it gets the orphans of all.
    """
    processes = Descendants(os.getpid(), marker=marker)
    processes.add_root(root.pid, root.started)
    reaped: list[int] = []

    def members() -> Iterator[tree.Entry]:
        reaped.clear()
        foreign: set[int] = set()
        for entry in processes.members():
            is_child = entry.parent == os.getpid()
            if not entry.alive and is_child and _has_ended(entry.pid):
                reaped.append(entry.pid)
            proof = not (only_proven and is_child) or _may_have(tree.environment(entry.pid), marker)
            if proof and entry.parent not in foreign:
                yield entry
            else:
                foreign.add(entry.pid)

    kill = killing.TreeKill(members, processes.send, seconds)
    # What ended since the look before may have forked first, and its child is not in this look.
    while ((pause := kill.step()) is not None or reaped) and not kill.over:  # noqa: ASYNC110 - ends of processes that are no children yet come without an event
        await asyncio.sleep(pause or 0)
    survivors, killed = (
        [Survivor(e.pid, e.name) for e in group] for group in kill.outcome([e for e in members() if e.alive])
    )
    return survivors, killed


async def reap(pid: int, seconds: float) -> None:
    """Waits until a child of the sidecar has ended, and no longer if a process that traces it keeps its status."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        entry = tree.read_entry(pid)
        if _has_ended(pid) or (entry is not None and not entry.alive):
            return
        await asyncio.sleep(0.002)


def _has_ended(pid: int) -> bool:
    """By pid, never any child: asyncio would lose its own."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
