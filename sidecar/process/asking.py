"""Which processes a stop asks to end, and when: each once, and none whose end would interrupt another that is saving."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import os
import sys
import time

from . import reactions, tree

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .channel import StopPlan
    from .descendants import Descendants

NEVER = float("inf")  # as a deadline in seconds; the math module would cost the guardian 0.4 MiB
_LAST_CALL = 2.5  # seconds before the kill, or a quarter of the time, when every process not asked yet is asked
_MAX_LOOK = 50  # processes with a handler whose sockets are looked at, because that delays the stop
_SETTLE = 0.5  # seconds, or an eighth of the time, for a process to show that its launcher forwarded the signal


class Asking:
    """The stop of one run."""

    def __init__(self, processes: Descendants, plan: StopPlan) -> None:
        self._tree = processes
        # asked_otherwise: the backend was asked by a request, or by the end of its stdin, which the sidecar's end causes too
        self._signal, self._to_group, _, _, self.asked_otherwise = plan
        self.by_others = False  # another program has asked every process of the tree to end
        self.forwarded = False  # as far as the tree shows: a process was asked, and exited by itself
        self._root_asked = False
        self._asked: set[tuple[int, float]] = set()
        self._known: set[tuple[int, float]] = set()  # alive when the stop began
        self._parentless: set[tuple[int, float]] = set()  # of these, those with no parent in the tree: root, daemons
        self._catching: set[tuple[int, float]] = set()  # of these, those with a handler for the signal
        self._listening: dict[tuple[int, float], set[str]] = {}  # the sockets of those that a launcher may ask too
        self._holders: set[int] = set()  # not asked, because what they hold would die with them
        # when each process was first seen without its launcher, or without those that it held
        self._orphaned: dict[tuple[int, float], float] = {}
        self._half_time = self._last_call = NEVER
        self._settle = self._quarter = 0.0

    def begin(self, *, by_others: bool) -> None:
        """Records which processes are alive, before any is asked; only the first call does."""
        if self._known:
            return
        living = self._tree.alive()
        self._known = {entry.key for entry in living}
        self._parentless = {entry.key for entry in _without_parent(living)}
        for entry in living:
            if entry.state == "T":  # a stopped process handles no signal, whoever sends it
                self._tree.send(entry, int(signal.SIGCONT))
        if tree.EXACT:
            self._catching = {e.key for e in living if reactions.disposition(e.pid, self._signal) == "catch"}
            self.by_others = by_others
            if 1 < len(self._catching) <= _MAX_LOOK:
                sockets = reactions.listening()
                self._listening = {e.key: sockets & reactions.links(e.pid) for e in living if e.key in self._catching}

    def schedule(self, seconds: float) -> None:
        """Sets the times: the tree will be killed in ``seconds``."""
        now = time.monotonic()
        self._half_time = now + seconds / 2
        self._last_call = now + seconds - min(_LAST_CALL, seconds / 4)
        self._settle, self._quarter = min(_SETTLE, seconds / 8), seconds / 4

    @property
    def next_at(self) -> float:
        """When ``ask`` must be called next even without an event."""
        return min(self._half_time, self._last_call)

    def note_exit(self, pid: int) -> None:
        """A process exited by itself. Without a handler the signal would have killed it, unless it uses sigwait, which /proc does not show."""
        if any(key[0] == pid for key in self._asked):
            self.forwarded = True

    def ask(self, root: int) -> None:
        """Sends each the stop signal once: the root (0: it has ended) first, then processes that lose their parent, near the end all.

        So a server can still use its database while it ends, and a process that outlives its launcher is asked directly.
        """
        now = time.monotonic()
        living = self._tree.alive()
        self._release(living, now)
        if now >= self._last_call:
            self._last_call = NEVER
            self._ask_each(living, living, last=True)
        elif not root or self._root_asked:
            orphans = _without_parent(living)
            if root:  # the root may need its daemons
                orphans = [entry for entry in orphans if entry.key in self._known - self._parentless]
            self._ask_each([entry for entry in orphans if now >= self._due(entry, now)], living)
        elif self.by_others or (tree.EXACT and self.asked_otherwise and not self._catching):
            pass  # the root was asked already; without a handler the signal would only kill what is saving
        elif self._last_call < NEVER:  # a stop that began by other means may need no signal
            self._ask_root(root, living)
        if tree.EXACT:
            self._ask_below_passive(living, is_half_time=now >= self._half_time)

    def _ask_root(self, root: int, living: list[tree.Entry]) -> None:
        self._root_asked = True
        if any(e.pid == root and self._holds_others(e, living) for e in living):
            self._holders.add(root)
        to_group = self._to_group and not self._holders
        self._asked |= {e.key for e in living if e.pid == root or (to_group and e.group == root)}
        # The root has not been reaped yet, so neither its pid nor its group id can have been reused.
        # A stopped process handles no signal until it continues.
        for number in () if self._holders else (self._signal, signal.SIGCONT):
            try:
                (os.killpg if to_group else os.kill)(root, number)
            except OSError:  # it has ended, or has changed its user
                pass

    def _release(self, living: list[tree.Entry], now: float) -> None:
        """Asks holders that hold no others any more, after a grace period to read the last output and end by themselves."""
        for entry in living if self._holders else ():
            if entry.pid not in self._holders or self._holds_others(entry, living):
                continue
            if now >= self._orphaned.setdefault(entry.key, now) + self._quarter:
                self._holders.discard(entry.pid)
                self._send(entry)

    def _due(self, orphan: tree.Entry, now: float) -> float:
        """Returns when to ask an orphan: at once, unless another process, such as its launcher's handler, may have sent it the signal.

        Its own handler may take a second signal as an order to stop saving, so it first gets time to end.
        """
        if self.by_others:
            return NEVER
        may_be_forwarded = self.forwarded or not self._catching.isdisjoint(self._asked)
        if orphan.key not in self._catching or not may_be_forwarded:
            return now
        wait = self._quarter if self.forwarded else self._settle
        return self._orphaned.setdefault(orphan.key, now) + wait

    def _ask_below_passive(self, living: list[tree.Entry], *, is_half_time: bool) -> None:
        """Asks the children of processes that ignore the signal; at half time also of shells with a trap and of processes that block it.

        Such a shell acts only after the command that it waits for (POSIX, 2.12), or forwarded the signal long ago.
        A process that blocks a signal in order to read it, as tini does, has read it by then.
        """
        if is_half_time:
            self._half_time = NEVER
        passive: set[int] = set()
        held = set(self._holders)
        parents = {entry.parent for entry in living}
        for entry in living:  # parents first
            if entry.parent in held:
                held.add(entry.pid)
                if entry.pid in parents and reactions.disposition(entry.pid, self._signal) == "default":
                    self._asked.add(entry.key)  # its end would end its children
                    passive.add(entry.pid)
            if entry.parent in passive:
                self._ask_each((entry,), living)
            if entry.key in self._asked:
                action = reactions.disposition(entry.pid, self._signal)
                waits = action == "pending" or (action == "catch" and reactions.is_shell(entry.pid))
                if action == "ignore" or (is_half_time and waits) or entry.pid in self._holders:
                    passive.add(entry.pid)

    def _holds_others(self, holder: tree.Entry, living: list[tree.Entry]) -> bool:
        """Whether the holder's end would end others: these are asked instead, and the holder once they have ended."""
        if not tree.EXACT:
            return False
        if reactions.is_impatient(holder.name):
            return any(entry.parent == holder.pid for entry in living)
        dies = reactions.disposition(holder.pid, self._signal) == "default"
        if dies and (reactions.holds_namespace(holder.pid) or reactions.holds_terminal(holder, living, self._catching)):
            return True
        return reactions.reads_output(holder, living, self._catching, would_die=dies)

    def _ask_each(self, entries: Iterable[tree.Entry], living: list[tree.Entry], *, last: bool = False) -> None:
        """Asks each process that neither we nor its launcher has asked. A second signal would end it while it is saving."""
        for entry in entries:
            if entry.key in self._asked or self._is_late(entry, last=last):
                continue
            self._asked.add(entry.key)
            if entry.key in self._catching and self._has_begun(entry):
                continue
            if self._last_call < NEVER and self._holds_others(entry, living):
                self._holders.add(entry.pid)
            else:
                self._send(entry)

    def _has_begun(self, entry: tree.Entry) -> bool:
        """Whether the process is ending: its handler is gone (Node's process.once), or it has closed the sockets on which it listened."""
        listened = self._listening.get(entry.key, set())
        if listened and listened.isdisjoint(reactions.links(entry.pid)):
            return True
        return reactions.disposition(entry.pid, self._signal) == "default"

    def _is_late(self, entry: tree.Entry, *, last: bool) -> bool:
        """Whether a trap or handler started it after the stop began, in order to save: the signal might only kill it.

        A process that is meant to outlive that handler is not asked either.
        """
        if not tree.EXACT or entry.key in self._known:
            return False
        return not last or reactions.disposition(entry.pid, self._signal) == "default"

    def _send(self, entry: tree.Entry) -> None:
        self._tree.send(entry, self._signal)
        self._tree.send(entry, int(signal.SIGCONT))  # a stopped process handles no signal until it continues


def _without_parent(living: list[tree.Entry]) -> list[tree.Entry]:
    """Returns those whose parent is not in the tree, or no longer."""
    pids = {entry.pid for entry in living}
    return [entry for entry in living if entry.parent not in pids]
