"""How a tree is killed: first stopped, so that no fork outruns the kill, then killed. The caller does the waiting."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import os
import sys
import time

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .tree import Entry

# A stopped process is T, or t under a debugger. D cannot fork: it is in the kernel, or waits for its vfork child,
# which is in the tree itself.
_QUIET = "TtD"
# A process that does not stop (a tracer holds it), or one that we may not stop and that keeps forking, must not delay
# the kill forever.
_MAX_QUIET_LOOKS = 20
_MAX_LOOKS = 200
_PAUSE = 0.002
_PAUSE_EACH = 0.0002  # the kernel takes about that long to tear down a process
_MAX_PAUSE = 0.1  # for processes that die slowly


class TreeKill:
    """One kill in progress. ``growing``: the last step found a new process. ``killed``: processes that were alive when they got SIGKILL."""

    def __init__(
        self,
        members: Callable[[], Iterable[Entry]],
        send: Callable[[Entry, int], bool],
        seconds: float,
        *,
        keeps_orphans: bool = False,
    ) -> None:
        """``members`` yields the tree, parents first; each is stopped before the next is requested. Stopping takes at most half of ``seconds``.

        ``keeps_orphans``: ``members`` includes orphans (a subreaper). Then one look without a new process is enough: a fork in
        progress leaves an orphan for the next look, and no fork begins while a signal is pending.
        """
        self._keeps_orphans = keeps_orphans
        self._members = members
        self._send = send
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._restless = False
        self._stopped: set[tuple[int, float]] = set()
        self._looks = 0
        self._empty_looks = 0
        self._quiet_looks = 0
        self._kills = 0
        self.growing = False
        self.killed: dict[tuple[int, float], Entry] = {}

    @property
    def over(self) -> bool:
        """Whether the time is up, and everything that the last look found was sent SIGKILL."""
        return not self._restless and time.monotonic() > self._deadline

    def outcome(self, alive: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Returns what is still alive, without duplicates, and what SIGKILL ended."""
        survivors = {entry.key: entry for entry in alive}
        return list(survivors.values()), [entry for key, entry in self.killed.items() if key not in survivors]

    def prolong(self) -> None:
        """Restarts the time."""
        self._deadline = time.monotonic() + self._seconds

    def step(self, group: int = 0) -> float | None:
        """Looks once and acts. Returns the seconds to wait before the next step (0: none); None once two looks in a row found nothing alive.

        One look may miss a process that forks and exits between the listing of children and the look at each. ``group``: a group
        whose leader is our unreaped child, so its id cannot be reused; one call stops it before the look, another kills it afterwards.
        """
        if group and not signal_group(group, int(signal.SIGSTOP)):
            group = 0
        tree = []
        self.growing = False
        for entry in self._members():
            if entry.alive:
                tree.append(entry)
                if entry.key not in self._stopped:
                    if not group or entry.group != group:
                        self._send(entry, int(signal.SIGSTOP))
                    self._stopped.add(entry.key)
                    self.growing = True
        self._restless = False
        self._empty_looks = 0 if tree else self._empty_looks + 1
        if not tree:
            return 0.0 if self._empty_looks == 1 else None
        self._looks += 1
        self._quiet_looks = 0 if self.growing else self._quiet_looks + 1
        # kill(2) returns before the target has stopped: a fork in progress may still succeed.
        restless = self.growing or (
            not self._keeps_orphans and any(e.state not in _QUIET and e.key not in self.killed for e in tree)
        )
        in_time = time.monotonic() < self._deadline - self._seconds / 2
        if restless and in_time and self._quiet_looks < _MAX_QUIET_LOOKS and self._looks < _MAX_LOOKS:
            self._restless = True
            return 0.0 if self.growing else _PAUSE
        if group and not signal_group(group, int(signal.SIGKILL)):
            group = 0
        for entry in reversed(tree):
            if (group and entry.group == group) or self._send(entry, int(signal.SIGKILL)):
                self.killed[entry.key] = entry
        self._kills += 1
        return min(_PAUSE * self._kills + _PAUSE_EACH * len(tree), _MAX_PAUSE)


def signal_group(group: int, number: int) -> bool:
    """Sends a signal to a group; False if no process of it could be signalled."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True
