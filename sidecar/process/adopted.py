"""What a killed guardian leaves: its orphans are the sidecar's children now, and end here."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

from . import killing, tree
from .base import ProcessId, Survivor
from .descendants import Descendants

assert sys.platform != "win32"


async def kill_adopted(root: ProcessId, marker: bytes, seconds: float) -> tuple[list[Survivor], list[Survivor]]:
    """Kills the tree; gives what is alive after ``seconds``, and what SIGKILL ended. ``root`` and ``marker`` count off Linux."""
    processes = Descendants(os.getpid(), marker=marker)
    processes.add_root(root.pid, root.started)
    reaped: list[int] = []

    def members() -> Iterator[tree.Entry]:
        reaped.clear()
        for entry in processes.members():
            if not entry.alive and entry.parent == os.getpid() and _has_ended(entry.pid):
                reaped.append(entry.pid)
            yield entry

    kill = killing.TreeKill(members, processes.send, seconds)
    # What ended since the look before may have forked first, and its child is not in this look.
    while ((pause := kill.step()) is not None or reaped) and not kill.over:  # noqa: ASYNC110 - ends of processes that are no children yet come without an event
        await asyncio.sleep(pause or 0)
    survivors, killed = ([Survivor(e.pid, e.name) for e in group] for group in kill.outcome(processes.alive()))
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
