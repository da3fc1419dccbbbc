"""The kill of what an earlier sidecar and its guardian, both dead, have left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Mapping

from . import killing, portable, tree
from .base import ProcessId, Survivor

assert sys.platform != "win32"


def end_orphans(roots: Collection[ProcessId], marker: str, seconds: float) -> tuple[list[ProcessId], list[Survivor]]:
    """Kills the roots, what is below them, and what was started with the marker. Gives the killed and the survivors.

    A guardian that is at work on the same tree is no hindrance: both only ever signal what they have proven.
    """
    source = tree if sys.platform == "linux" else portable
    found: dict[tuple[int, float], tree.Entry] = {}
    name, _, value = marker.partition("=")
    # Where we were ourselves started below that backend, what bears its marker may be the app that started us.
    assignment = b"" if os.environ.get(name) == value else marker.encode()
    spared = _ancestry(source.table())

    def members() -> list[tree.Entry]:
        entries = source.table()
        mine = {root.pid for root in roots if root.pid in entries and entries[root.pid].started == root.started}
        if assignment:
            mine |= {pid for pid in entries if source.has_environment(pid, assignment)}
        mine -= spared
        # What was found once stays ours when its parent has ended meanwhile.
        mine |= {pid for pid, _started in found if pid in entries and entries[pid].key in found}
        below = tree.descendants(entries, mine, without=spared)
        tree_now = [*below, *(entries[pid] for pid in mine)]
        found.update((entry.key, entry) for entry in tree_now if entry.alive)
        return [entry for entry in tree_now if entry.alive]

    deadline = time.monotonic() + seconds
    kill = killing.TreeKill(members, source.send)
    while (pause := kill.step()) is not None and time.monotonic() < deadline:
        time.sleep(pause)
    alive = members() if found else []
    survivors = {entry.key for entry in alive}
    return (
        [ProcessId(*key) for key in found if key not in survivors],
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
