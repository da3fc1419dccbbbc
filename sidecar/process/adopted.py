"""What a killed guardian leaves: its orphans are the sidecar's children now, and end here."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

from . import killing, portable, tree
from .base import ProcessId, Survivor

assert sys.platform != "win32"


async def kill_adopted(root: ProcessId, marker: bytes, *, seconds: float, exact: bool) -> list[Survivor]:
    """Kills the tree without a guardian; gives what is alive after ``seconds``. The sidecar has no other children.

    Args:
        root: the backend, for where no subreaper keeps the tree together.
        marker: what its environment holds.
        seconds: the time for it.
        exact: whether the sidecar is a subreaper.
    """
    loop = asyncio.get_running_loop()
    memory = portable.Memory()
    entry = (tree if exact else portable).read_entry(root.pid)
    if entry is not None and entry.started == root.started:
        memory.add_root(entry)

    def members() -> Iterator[tree.Entry]:
        if not exact:
            yield from memory.look(portable.table(), marker)
            return
        for entry in tree.walk((os.getpid(),)):
            if not entry.alive and entry.parent == os.getpid():
                _has_ended(entry.pid)
            yield entry

    deadline = loop.time() + seconds
    kill = killing.TreeKill(members, tree.send if exact else portable.send)
    empty = 0
    while empty < 2 and loop.time() < deadline:  # one look may miss a process whose parent ended during it
        pause = kill.step()
        empty = empty + 1 if pause is None else 0
        await asyncio.sleep(pause or 0)
    return [Survivor(entry.pid, entry.name) for entry in members() if entry.alive]


async def reap(pid: int, seconds: float) -> None:
    """Waits until a child of the sidecar has ended."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        if _has_ended(pid):
            return
        await asyncio.sleep(0.002)


def _has_ended(pid: int) -> bool:
    """By pid, never any child: asyncio would lose its own."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
