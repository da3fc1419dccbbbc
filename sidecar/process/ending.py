"""How the guardian ends a tree: asks it to end, waits, and kills it. Waiting needs a pipe that SIGCHLD writes to."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import os
import select
import sys
import time

from . import asking, killing, tree
from .descendants import Descendants

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import StopPlan

POLL_INTERVAL = 0.5  # seconds between two looks at a tree without a subreaper, or at one that was asked to end
STOP_INTERVAL = 0.1  # seconds; the same once its root has ended
_BY_OTHERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # signals by which others ask a process to end
_SAME_CAUSE = 5.0  # seconds within which a signal to the guardian and a stop count as having one cause


class Ending:
    """The tree of one run, until it has ended; without a run, reaps processes that end late."""

    def __init__(self, wake: int, exited: Callable[[int, bool], None]) -> None:
        self._exited = exited
        self._wake = wake
        self._signalled = -asking.NEVER  # when the guardian itself was asked to end
        self.begin(0, b"", (15, False, 4.0, 0.0, False))

    def begin(self, root: int, marker: bytes, plan: StopPlan) -> None:
        """A run was forked; ``root`` 0: none."""
        self.root = root  # the backend's pid, until its status is read
        self._root_signal = 0  # the signal that ended it
        self.stopping = False  # the tree was asked to end, so what the root leaves behind may end by itself
        self.kill_at = asking.NEVER  # when to kill the tree; only if no sidecar will request that
        self._marker, self._plan = marker, plan
        _, _, self.kill_deadline, self._alone, _ = plan
        self.tree = Descendants(os.getpid(), marker=marker or None)
        if root:
            self.tree.add_root(root)
        self._asking = asking.Asking(self.tree, plan)

    def forget(self) -> None:
        """The run is over."""
        self.begin(0, self._marker, self._plan)

    @property
    def over(self) -> bool:
        """Whether the kill is due."""
        return time.monotonic() >= self.kill_at

    def look_interval(self) -> float:
        """Returns the seconds until the tree must be looked at even without an event; infinite: never."""
        if not self.stopping:
            return asking.NEVER if tree.EXACT else POLL_INTERVAL
        due = min(self._asking.next_at, self.kill_at)
        return min(POLL_INTERVAL if self.root else STOP_INTERVAL, max(0.0, due - time.monotonic()))

    def is_left(self) -> bool:
        """Reaps what has ended, and returns whether anything of the tree is left."""
        left = self.reap()
        if tree.EXACT:
            return left
        self.tree.watch()
        return bool(self.root or self.tree.alive())

    def note_signal(self) -> None:
        """The guardian itself was asked to end, for example by systemd at a logout or by tree-kill, which signal all processes at once."""
        self._signalled = time.monotonic()
        if self.kill_at < asking.NEVER:
            self._asking.by_others = True

    def expect(self, *, asked: bool | None = None) -> None:
        """The tree was asked to end, or is about to be. ``asked``: whether by means other than the signal; None: unchanged."""
        if asked is not None:
            self._asking.asked_otherwise = asked
        self.stopping = True
        self.kill_at = asking.NEVER
        self._asking.begin(by_others=time.monotonic() - self._signalled < _SAME_CAUSE)

    def interrupt(self, seconds: float) -> None:
        """Asks the tree to end; it will be killed in ``seconds``."""
        self.expect()
        self._asking.schedule(seconds)
        self.ask()

    def ask(self) -> None:
        """Asks the processes whose turn it is."""
        self._asking.ask(self.root)

    def end_alone(self) -> bool:
        """Asks the tree to end and sets the time of the kill, because no sidecar does; False if the plan allows no time."""
        if self._alone:
            self.interrupt(self._alone)
            self.kill_at = time.monotonic() + self._alone
        return bool(self._alone)

    def finish(self) -> bool:
        """The root ended before a stop. If others stopped it, the rest of the tree gets time to end; False: it gets none."""
        if self._root_signal not in _BY_OTHERS and time.monotonic() - self._signalled >= _SAME_CAUSE:
            return False
        self._asking.forwarded = True
        return self.end_alone()

    def kill_tree(self, seconds: float, *, patient: bool = False) -> tuple[list[tree.Entry], list[tree.Entry]]:
        """Kills every descendant; returns those that are alive after ``seconds``, and those that SIGKILL ended.

        ``patient``: each new process restarts the time, because no caller waits and nothing else would kill it.
        """
        kill = killing.TreeKill(self.tree.members, self.tree.send, seconds, keeps_orphans=tree.EXACT)
        empty = 0
        while self.reap() or not tree.EXACT:
            pause = kill.step(self.root if tree.EXACT else 0)
            if pause is None:
                if not tree.EXACT:
                    break
                empty += 1  # a child is left: it is about to be reaped, or cannot be seen
                pause = min(0.001 * empty, STOP_INTERVAL)
            if patient and kill.growing:
                kill.prolong()
            if kill.over:
                return kill.outcome(self.tree.alive())
            if pause and not self.wait_for(pause):
                break
        self.reap()
        return kill.outcome([])

    def reap(self) -> bool:
        """Reaps every child that has ended; False if no child is left."""
        root_status = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
                left = True
            except ChildProcessError:
                pid, left = 0, False
            if pid == 0:
                break
            if os.WIFEXITED(status):
                self._asking.note_exit(pid)
            if pid == self.root:
                self.root = 0
                root_status = status
                self._root_signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if root_status is not None:
            self._exited(root_status, left)
        return left

    def wait_for(self, seconds: float) -> bool:
        """Waits and reaps; False if nothing is left to wait for."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self._wake], [], [], left)
            self.clear_wake()
            if not self.reap() and tree.EXACT:
                return False
        return True

    def clear_wake(self) -> None:
        """Empties the pipe that SIGCHLD writes to."""
        try:
            while os.read(self._wake, 512):
                pass
        except BlockingIOError:
            pass
