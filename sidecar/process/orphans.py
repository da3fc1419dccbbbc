"""Kills what a dead guardian has left: an earlier sidecar's, or our own, whose orphans are now the sidecar's children."""

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
    """Kills the roots that may have the marker, all below them, and what was started with it. Returns the killed and the survivors."""
    processes = source()
    roots = [root for root in roots if _may_have(processes.environment(root.pid), marker.encode())]
    found: dict[tuple[int, float], tree.Entry] = {}
    name, _, value = marker.partition("=")
    # If we run below that backend ourselves, a process with its marker may be the app that started us.
    assignment = b"" if os.environ.get(name) == value else marker.encode()
    spared = _ancestry(processes.table())

    def members() -> Iterator[tree.Entry]:
        """Yields what is proven by this look or was by an earlier one: a process stays ours after its parent has ended."""
        entries = processes.table()
        mine = {root.pid for root in roots if root.pid in entries and entries[root.pid].started == root.started}
        mine |= {entry.pid for entry in entries.values() if entry.key in found}
        mine -= spared
        proven = [entries[pid] for pid in mine]
        proven += tree.descendants(entries, mine, without=spared)
        for entry in proven:
            found.setdefault(entry.key, entry)
            yield entry
        # The youngest first, each read just now: a process that forks and exits is gone a moment later.
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
    """Returns this process and its ancestors."""
    found = {os.getpid()}
    pid = os.getppid()
    while pid in entries and pid not in found:
        found.add(pid)
        pid = entries[pid].parent
    return found


def _may_have(environment: list[bytes], assignment: bytes) -> bool:
    """Whether the process was started with the variable, or has overwritten its environment with a title. One that shows no environment is not ours."""
    entries = [entry for entry in environment if entry]
    return assignment in entries or not all(b"=" in entry for entry in entries)


async def kill_adopted(
    root: ProcessId, marker: bytes, seconds: float, *, only_proven: bool
) -> tuple[list[Survivor], list[Survivor]]:
    """Kills the tree; returns what is alive after ``seconds``, and what SIGKILL ended. Off Linux ``root`` and ``marker`` identify the tree.

    ``only_proven``: a child counts only with the marker, because this process may have other children: those of a script that
    became the sidecar (exec), and, if it is the first process of a container, all orphans there.
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
    # What ended since the last look may have forked before, and this look missed its child.
    while ((pause := kill.step()) is not None or reaped) and not kill.over:  # noqa: ASYNC110 - the end of a process that is not our child yet is no event
        await asyncio.sleep(pause or 0)
    survivors, killed = (
        [Survivor(e.pid, e.name) for e in group] for group in kill.outcome([e for e in members() if e.alive])
    )
    return survivors, killed


async def reap(pid: int, seconds: float) -> None:
    """Waits until a child of the sidecar has ended; a zombie whose tracer keeps its status counts as ended."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        entry = tree.read_entry(pid)
        if _has_ended(pid) or (entry is not None and not entry.alive):
            return
        await asyncio.sleep(0.002)


def _has_ended(pid: int) -> bool:
    """Reaps the pid, and returns whether it has ended. Never waits for any child: asyncio would lose the status of its own."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
