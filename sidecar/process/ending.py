"""How the guardian ends a tree: asks it, waits for it and kills it. The waiting needs a pipe that SIGCHLD writes to."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the module around it makes enums of all numbers, in 1 ms of a start
import os
import select
import sys
import time

from . import channel, killing, pipes, reactions, tree
from .descendants import Descendants

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .tree import Entry

NEVER = float("inf")  # of a deadline in seconds; the math module would take 0.4 MiB of the guardian
LOOK_INTERVAL = 0.5  # seconds between two looks at a tree that no subreaper holds together, or that was asked to end
STOP_INTERVAL = 0.1  # seconds; the same when its root has ended
_LAST_CALL = 2.5  # seconds before the kill, or a quarter of the time, when all that was never asked to end is
_MAX_LOOK = 16  # descendants; a namespace begins among the first, and a tree that forks on and on has no last one
_SETTLE = 0.5  # seconds, or an eighth of the time, in which a process shows that its launcher forwarded the signal
_BY_OTHERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # with which others ask a process to end
_AT_ONCE = 5.0  # seconds within which a signal to the guardian and a stop have one cause


class Ending:
    """The tree of one run, until it has ended; an object without a run reaps what is late."""

    def __init__(self, wake: int, *, exact: bool, exited: Callable[[int, bool], None]) -> None:
        self.root = 0  # the backend's pid, until its status was read
        self._root_signal = 0  # that ended it
        self.stopping = False  # it was asked to end, so what the root leaves behind may end by itself
        self.kill_at = NEVER  # when it is to be killed; only where no sidecar will say so
        # see channel.StopPlan
        self._signal, self._to_group, self.kill_deadline, self.alone, self._reads_stdin = 15, False, 4.0, 0.0, False
        self.tree = Descendants(os.getpid(), exact=exact)
        self._exact = exact
        self._exited = exited
        self._wake = wake
        self._asked: set[tuple[int, float]] = set()
        self._known: set[tuple[int, float]] = set()  # lived when the stop began
        self._apart: set[tuple[int, float]] = set()  # of these, those without a parent in the tree: the root, daemons
        self._catching: set[tuple[int, float]] = set()  # of these, those with a handler for the signal
        self._holders: set[int] = set()  # were spared, for what they hold in a namespace would die with them
        self._root_asked = False
        self._half_time = self._last_call = NEVER
        self._settle = self._quarter = 0.0
        self._forwarded = False  # as far as one can see: a process was asked, and exited by itself
        self._signalled = -NEVER  # when the guardian itself was asked to end
        self._by_others = False  # and so, one has to believe, was each process of the tree
        # when each was first seen without its launcher, or without those that it holds
        self._orphaned: dict[tuple[int, float], float] = {}

    def begin(self, root: int, marker: bytes, plan: channel.StopPlan) -> None:
        """A run was forked."""
        self.root = root
        self._signal, self._to_group, self.kill_deadline, self.alone, self._reads_stdin = plan
        self.tree = Descendants(os.getpid(), exact=self._exact, marker=marker)
        self.tree.add_root(root)

    def forget(self) -> None:
        """The run is over."""
        self.root = 0
        self.stopping = self._root_asked = self._forwarded = self._by_others = False
        for keys in (self._asked, self._known, self._apart, self._catching, self._holders):
            keys.clear()
        self._orphaned.clear()
        self._half_time = self._last_call = self.kill_at = NEVER
        self.tree.forget()

    @property
    def over(self) -> bool:
        """Whether the kill is due."""
        return time.monotonic() >= self.kill_at

    def look_interval(self) -> float:
        """Seconds until the tree must be looked at without an event; infinite: never."""
        if not self.stopping:
            return NEVER if self._exact else LOOK_INTERVAL
        due = min(self._half_time, self._last_call, self.kill_at)
        return min(LOOK_INTERVAL if self.root else STOP_INTERVAL, max(0.0, due - time.monotonic()))

    def is_left(self) -> bool:
        """Reads who has ended; whether anything of the tree is left."""
        left = self.reap()
        if self._exact:
            return left
        self.tree.watch()
        return bool(self.root or self.tree.alive())

    def note_signal(self) -> None:
        """The guardian itself was asked to end: by systemd at a logout, say, or a tree-kill, which ask all processes at once."""
        self._signalled = time.monotonic()
        self._by_others = self._by_others or self.kill_at < NEVER

    def expect(self) -> None:
        """The tree was asked to end, or is about to be."""
        self.stopping = True
        self.kill_at = NEVER
        if not self._known:
            living = self.tree.alive()
            self._known = {entry.key for entry in living}
            self._apart = {entry.key for entry in _without_parent(living)}
            for entry in living:
                if entry.state == "T":  # it sees nothing before it goes on, from whomever that comes
                    self.tree.send(entry, int(signal.SIGCONT))
            if self._exact:
                self._catching = {e.key for e in living if reactions.disposition(e.pid, self._signal) == "catch"}
                self._by_others = time.monotonic() - self._signalled < _AT_ONCE

    def interrupt(self, seconds: float) -> None:
        """Asks it to end; it will be killed in so many seconds."""
        self.expect()
        now = time.monotonic()
        self._half_time = now + seconds / 2
        self._last_call = now + seconds - min(_LAST_CALL, seconds / 4)
        self._settle, self._quarter = min(_SETTLE, seconds / 8), seconds / 4
        self.ask()

    def end_alone(self) -> bool:
        """Asks it to end, and sets the time of the kill, for no sidecar does; False where it has no time."""
        if self.alone:
            self.interrupt(self.alone)
            self.kill_at = time.monotonic() + self.alone
        return bool(self.alone)

    def finish(self) -> bool:
        """The root ended before a stop. What it leaves has a moment if that was the end of a stop by others; False: it has none."""
        if self._root_signal not in _BY_OTHERS and time.monotonic() - self._signalled >= _AT_ONCE:
            return False
        self._forwarded = True
        return self.end_alone()

    def ask(self) -> None:
        """Sends the stop signal once to each: to the root; to those that lose their parent; near the end to all.

        So a server can still use its database while it ends, and what a launcher leaves behind is asked as itself.
        """
        now = time.monotonic()
        living = self.tree.alive()
        self._release(living, now)
        if now >= self._last_call:
            self._last_call = NEVER
            self._ask_each(living, living, last=True)
        elif not self.root or self._root_asked:
            orphans = _without_parent(living)
            if self.root:  # it may need its daemons
                orphans = [entry for entry in orphans if entry.key in self._known - self._apart]
            self._ask_each([entry for entry in orphans if now >= self._due(entry, now)], living)
        elif self._by_others or (self._exact and self._reads_stdin and not self._catching):
            pass  # it was asked; at the end of stdin the signal would only kill what saves because of that
        elif self._last_call < NEVER:  # a stop that began otherwise may need no signal
            self._root_asked = True
            if any(e.pid == self.root and self._holds_others(e, living) for e in living):
                self._holders.add(self.root)
            to_group = self._to_group and not self._holders
            self._asked |= {e.key for e in living if e.pid == self.root or (to_group and e.group == self.root)}
            # The root was not waited for yet, so neither its pid nor its group can have been given to another process.
            # A stopped process sees no signal before it goes on.
            for number in () if self._holders else (self._signal, signal.SIGCONT):
                try:
                    (os.killpg if to_group else os.kill)(self.root, number)
                except OSError:  # ended, or it has changed its user
                    pass
        if self._exact:
            self._ask_behind(living, is_half_time=now >= self._half_time)

    def _release(self, living: list[Entry], now: float) -> None:
        """Asks those that hold no others any more; they have a while to end by themselves, and to read what those printed last."""
        for entry in living if self._holders else ():
            if entry.pid not in self._holders or self._holds_others(entry, living):
                continue
            if now >= self._orphaned.setdefault(entry.key, now) + self._quarter:
                self._holders.discard(entry.pid)
                self._send(entry)

    def _due(self, orphan: Entry, now: float) -> float:
        """When an orphan is asked: at once, unless another process may have sent it the signal: a handler of its launcher, say.

        Its own handler may take a second signal for an order to give up what it saves: so it has a while to end.
        """
        if self._by_others:
            return NEVER
        may_be_forwarded = self._forwarded or not self._catching.isdisjoint(self._asked)
        if orphan.key not in self._catching or not may_be_forwarded:
            return now
        wait = self._quarter if self._forwarded else self._settle
        return self._orphaned.setdefault(orphan.key, now) + wait

    def _ask_behind(self, living: list[Entry], *, is_half_time: bool) -> None:
        """Asks the children of those that ignore the signal; at half time also of shells with a trap, and of those that block it.

        Such a shell acts only after the command that it waits for (POSIX, 2.12), or has passed the signal on long ago.
        One that blocks a signal in order to read it, as tini does, has read it by then.
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
                    self._asked.add(entry.key)  # its end would be that of its children
                    passive.add(entry.pid)
            if entry.parent in passive:
                self._ask_each((entry,), living)
            if entry.key in self._asked:
                action = reactions.disposition(entry.pid, self._signal)
                waits = action == "pending" or (action == "catch" and reactions.is_shell(entry.pid))
                if action == "ignore" or (is_half_time and waits) or entry.pid in self._holders:
                    passive.add(entry.pid)

    def _holds_others(self, holder: Entry, living: list[Entry]) -> bool:
        """Whether its end would be that of others: they are asked in its place, and it when they have ended."""
        if not self._exact:
            return False
        if reactions.is_impatient(holder.name):
            return any(entry.parent == holder.pid for entry in living)
        dies = reactions.disposition(holder.pid, self._signal) == "default"
        return (dies and self._holds_namespace(holder.pid)) or self._reads_output(holder, living, would_die=dies)

    def _holds_namespace(self, pid: int) -> bool:
        """Whether what it has put into a namespace would die with it (bwrap --die-with-parent)."""
        own = tree.link(pid, "ns/mnt")
        for count, entry in enumerate(tree.walk((pid,)) if own else ()):
            if entry.alive and tree.link(entry.pid, "ns/mnt") not in {"", own}:
                return True
            if count == _MAX_LOOK:
                break
        return False

    def _reads_output(self, reader: Entry, living: list[Entry], *, would_die: bool) -> bool:
        """Whether it reads what a process with a handler prints (server | grep | tee log): the next line would end that one.

        One with a handler counts only where its stdin is that pipe: a launcher with a handler forwards the signal.
        """
        ends = pipes.read_ends(reader.pid, all_of_them=would_die)
        others = [entry for entry in living if entry.pid != reader.pid] if ends else []
        return any(
            not ends.isdisjoint(pipes.printed_to(entry.pid))
            and (entry.key in self._catching or self._reads_output(entry, others, would_die=False))
            for entry in others
        )

    def _ask_each(self, entries: Iterable[Entry], living: list[Entry], *, last: bool = False) -> None:
        """Asks those that have not been asked, by us or, as a handler that is gone shows (process.once of Node), by their launcher.

        A second signal would end such a process while it saves.
        """
        for entry in entries:
            if entry.key in self._asked or self._is_late(entry, last=last):
                continue
            self._asked.add(entry.key)
            if entry.key in self._catching and reactions.disposition(entry.pid, self._signal) == "default":
                continue
            if self._last_call < NEVER and self._holds_others(entry, living):
                self._holders.add(entry.pid)
            else:
                self._send(entry)

    def _is_late(self, entry: Entry, *, last: bool) -> bool:
        """Whether a trap or a handler has started it since the stop began, in order to save: the signal might only kill it.

        That handler may have ended at once: what is to outlive it is not asked either.
        """
        if not self._exact or entry.key in self._known:
            return False
        return not last or reactions.disposition(entry.pid, self._signal) == "default"

    def _send(self, entry: Entry) -> None:
        self.tree.send(entry, self._signal)
        self.tree.send(entry, int(signal.SIGCONT))  # a stopped process sees no signal before it goes on

    def kill_tree(self, seconds: float, *, patient: bool = False) -> tuple[list[Entry], list[Entry]]:
        """Kills every descendant; gives those that are alive after ``seconds``, and those that SIGKILL ended.

        ``patient``: the time begins again with each new process, for no caller waits and nothing else will do it.
        """
        kill = killing.TreeKill(self.tree.members, self.tree.send, seconds, keeps_orphans=self._exact)
        empty = 0
        while self.reap() or not self._exact:
            pause = kill.step(self.root if self._exact else 0)
            if pause is None:
                if not self._exact:
                    break
                empty += 1  # what is left is a child, so it is about to be reaped, or cannot be seen
                pause = min(0.001 * empty, STOP_INTERVAL)
            if patient and kill.growing:
                kill.prolong()
            if kill.over:
                survivors = self.tree.alive()
                keys = {entry.key for entry in survivors}
                return survivors, [entry for key, entry in kill.killed.items() if key not in keys]
            if pause and not self.wait_for(pause):
                break
        self.reap()
        return [], list(kill.killed.values())

    def reap(self) -> bool:
        """Reads the status of every child that has ended; False when no child is left."""
        root_status = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
                left = True
            except ChildProcessError:
                pid, left = 0, False
            if pid == 0:
                break
            # One without a handler would have died of the signal, unless it reads it with sigwait, which /proc does not show.
            if os.WIFEXITED(status) and any(key[0] == pid for key in self._asked):
                self._forwarded = True
            if pid == self.root:
                self.root = 0
                root_status = status
                self._root_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if root_status is not None:
            self._exited(root_status, left)
        return left

    def wait_for(self, seconds: float) -> bool:
        """Waits and reaps; False when nothing is left to wait for."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self._wake], [], [], left)
            self.clear_wake()
            if not self.reap() and self._exact:
                return False
        return True

    def clear_wake(self) -> None:
        """Takes what SIGCHLD wrote."""
        try:
            while os.read(self._wake, 512):
                pass
        except BlockingIOError:
            pass


def _without_parent(living: list[Entry]) -> list[Entry]:
    """Those whose parent does not belong to the tree (any more)."""
    pids = {entry.pid for entry in living}
    return [entry for entry in living if entry.parent not in pids]
