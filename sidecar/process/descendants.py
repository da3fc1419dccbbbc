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

_DEFAULT_MAX_PID = 1 << 15  # PID_MAX_DEFAULT of linux/threads.h
_MAX_PID = 1 << 22  # PID_MAX_LIMIT; where pids go that far, they rarely wrap around
_THREAD_START_TIMEOUT = 1.0  # seconds; a thread without memory for its first step dies silently


def source() -> Any:
    """Returns the module that reads processes here: tree.py, or portable.py, which has the same functions."""
    if tree.EXACT:
        return tree
    from . import portable

    return portable


class Descendants:
    """Everything below the ``subreaper`` (a pid), or what portable.Memory knows where tree.EXACT is False."""

    def __init__(self, subreaper: int, *, marker: bytes | None = None) -> None:
        self._subreaper = subreaper  # only this process can find children that /proc does not show
        self._marker = marker  # in the environment of the backend's processes; used only where tree.EXACT is False
        self._source = source()
        if not tree.EXACT:
            self._memory = self._source.Memory()
        self._root = 1

    def add_root(self, pid: int, started: float | None = None) -> None:
        """Adds the backend; with a start time, only if the process has that start time."""
        self._root = pid
        entry = None if tree.EXACT else self._source.read_entry(pid)
        if entry is not None and started in (None, entry.started):
            self._memory.add_root(entry)

    def started(self, pid: int) -> float:
        """Returns when a process was started; 0 if that cannot be read."""
        entry = self._source.read_entry(pid)
        return entry.started if entry else 0.0

    def watch(self) -> None:
        """Remembers the tree as it is now, where tree.EXACT is False. Called often, and cheaper than ``members``."""
        self._memory.look(self._source.table())

    def members(self) -> Iterator[Entry]:
        """Yields all of them, parents first, zombies included."""
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
        """Returns those that are alive, parents first."""
        return [entry for entry in self.members() if entry.alive]

    def send(self, entry: Entry, number: int) -> bool:
        """Sends a signal to exactly this process; False if it has ended or we may not signal it."""
        sent: bool = self._source.send(entry, number)
        return sent


def hidden_children(first: int) -> Iterator[Entry]:
    """Yields the live children of this process, even if /proc does not show them (not mounted, hidepid), by testing each pid.

    Testing all pids takes seconds, so that is done only if none of the likelier ones is a child; a later look finds what this one misses.
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
    """Returns the id of a new thread, which comes from the same counter as pids; the highest pid if no thread can start."""
    found: list[int] = []
    done = _thread.allocate_lock()
    done.acquire()

    def note() -> None:
        found.append(_thread.get_native_id())
        done.release()

    try:
        _thread.start_new_thread(note, ())
        done.acquire(timeout=_THREAD_START_TIMEOUT)
    except RuntimeError:
        pass
    return found[0] if found else _MAX_PID
