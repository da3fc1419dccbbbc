"""The processes of one backend, as its guardian and the sidecar see them."""

from __future__ import annotations

import _thread
import os

from . import tree
from .tree import HIDDEN, Entry

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_DEFAULT_MAX_PID = 1 << 15  # PID_MAX_DEFAULT and
_NOTE_SECONDS = 1.0  # for a new thread, which dies without a word where it finds no memory for its first step
_MAX_PID = 1 << 22  # PID_MAX_LIMIT of linux/threads.h; where pids go that far, they hardly start again at the lowest


def source() -> Any:
    """The module that reads processes here: tree.py, or portable.py, which has the same functions."""
    if tree.EXACT:
        return tree
    from . import portable

    return portable


class Descendants:
    """Everything below the ``subreaper`` (a pid), or, where the tree is not tree.EXACT, what portable.Memory knows."""

    def __init__(self, subreaper: int, *, marker: bytes | None = None) -> None:
        self._subreaper = subreaper  # only it finds children that /proc does not show
        self._marker = marker  # in the environment of the backend's processes; evidence only where tree.EXACT is not
        self._source = source()
        if not tree.EXACT:
            self._memory = self._source.Memory()
        self._root = 1

    def add_root(self, pid: int, started: float | None = None) -> None:
        """The backend; with a start time only if it is that very process."""
        self._root = pid
        entry = None if tree.EXACT else self._source.read_entry(pid)
        if entry is not None and started in (None, entry.started):
            self._memory.add_root(entry)

    def started(self, pid: int) -> float:
        """When a process was started; 0 where that cannot be read."""
        entry = self._source.read_entry(pid)
        return entry.started if entry else 0.0

    def watch(self) -> None:
        """A look at a tree that has to be remembered, for it is not tree.EXACT; often, and cheaper than the others."""
        self._memory.look(self._source.table())

    def members(self) -> Iterator[Entry]:
        """All of them, parents first; zombies are among them."""
        if not tree.EXACT:
            yield from self._memory.look(self._source.table(), self._marker)
            return
        empty = True
        for entry in tree.walk((self._subreaper,)):
            empty = False
            yield entry
        if empty and self._subreaper == os.getpid():
            yield from hidden_children(self._root)

    def alive(self) -> list[Entry]:
        """Those that live, parents first."""
        return [entry for entry in self.members() if entry.alive]

    def send(self, entry: Entry, number: int) -> bool:
        """Sends a signal to that very process; False when it has ended or is not ours to signal."""
        sent: bool = self._source.send(entry, number)
        return sent


def hidden_children(first: int) -> Iterator[Entry]:
    """The live children of this process, whether /proc shows them or not (none is mounted, hidepid), by asking about each pid.

    Asking about all takes seconds, so it is done only if none of the likelier is one; a later look meets those that one misses.
    ``first``: the lowest pid that they can have; the kernel counts up, then starts again at the lowest free one.
    """
    if tree.can_list_children():
        likely: tuple[Iterable[int], ...] = (tree.children(os.getpid()),)
    else:
        likely = (range(first, _newest_pid()), range(2, _DEFAULT_MAX_PID), range(_DEFAULT_MAX_PID, _MAX_PID))
    for candidates in likely:
        found = False
        for pid in candidates:
            if tree.is_running_child(pid):
                found = True
                yield Entry(pid, os.getpid(), 0, started=0.0, state=HIDDEN, name=HIDDEN)
        if found or not tree.is_running_child():
            return


def _newest_pid() -> int:
    """A thread's number is counted with the pids. The highest, where the system has no thread left."""
    found: list[int] = []
    done = _thread.allocate_lock()
    done.acquire()

    def note() -> None:
        found.append(_thread.get_native_id())
        done.release()

    try:
        _thread.start_new_thread(note, ())
        done.acquire(timeout=_NOTE_SECONDS)
    except RuntimeError:
        pass
    return found[0] if found else _MAX_PID
