"""The processes of one backend, as its guardian and the sidecar see them."""

from __future__ import annotations

import os

from . import tree

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Descendants:
    """Everything below a subreaper, or (not ``exact``) what portable.Memory knows.

    ``subreaper``: its pid; only it finds children that /proc does not show. ``marker``: in the environment of the backend's
    processes; evidence only where the tree is not exact.
    """

    def __init__(self, subreaper: int, *, exact: bool, marker: bytes | None = None) -> None:
        self._subreaper = subreaper
        self._exact = exact
        self._marker = marker
        self._source: Any = tree
        if not exact:
            from . import portable

            self._source, self._memory = portable, portable.Memory()
        self._root = 1

    def add_root(self, pid: int, started: float | None = None) -> None:
        """The backend; with a start time only if it is that very process."""
        self._root = pid
        entry = None if self._exact else self._source.read_entry(pid)
        if entry is not None and started in (None, entry.started):
            self._memory.add_root(entry)

    def started(self, pid: int) -> float:
        """When a process was started; 0 where that cannot be read."""
        entry = self._source.read_entry(pid)
        return entry.started if entry else 0.0

    def watch(self) -> None:
        """A look at a tree that has to be remembered; often, and cheaper than the others."""
        if not self._exact:
            self._memory.look(self._source.table())

    def members(self) -> Iterator[tree.Entry]:
        """All of them, parents first; zombies are among them."""
        if not self._exact:
            yield from self._memory.look(self._source.table(), self._marker)
            return
        empty = True
        for entry in tree.walk((self._subreaper,)):
            empty = False
            yield entry
        if empty and self._subreaper == os.getpid():
            yield from tree.hidden_children(self._root)

    def alive(self) -> list[tree.Entry]:
        """Those that live, parents first."""
        return [entry for entry in self.members() if entry.alive]

    def send(self, entry: tree.Entry, number: int) -> bool:
        """Sends a signal to that very process; False when it has ended or is not ours to signal."""
        sent: bool = self._source.send(entry, number)
        return sent

    def forget(self) -> None:
        """The tree is gone."""
        if not self._exact:
            self._memory.forget()
        self._root = 1
