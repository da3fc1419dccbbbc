"""How a tree is killed: stopped first, so that a forking tree cannot outrun the kill, then killed, leaves first.

The caller owns the clock and the waiting; a step only looks and signals, so the guardian can wait in poll(2) and the
sidecar in its event loop.
"""

from __future__ import annotations

import signal
import sys

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Callable

    from .tree import Entry

# A stopped process is T, or t under a debugger. D cannot fork: it is in the kernel, or waits for its vfork child,
# which is in the tree itself.
_QUIET = "TtD"
_MOST_LOOKS = 20  # a process that will not stop (a tracer holds it) must not delay the kill for ever
_PAUSE = 0.002
DEADLINE = 5.0  # seconds until what is still alive is told as surviving


class TreeKill:
    """One kill in progress."""

    __slots__ = ("_killed", "_looks", "_members", "_send", "_stopped")

    def __init__(self, members: Callable[[], list[Entry]], send: Callable[[Entry, int], bool]) -> None:
        self._members = members
        self._send = send
        self._stopped: set[tuple[int, float]] = set()
        self._killed: set[tuple[int, float]] = set()
        self._looks = 0

    def step(self) -> float | None:
        """Looks once and acts. Gives the seconds to wait before the next step (0: at once), None when nothing is alive."""
        tree = [entry for entry in self._members() if entry.alive]
        if not tree:
            return None
        new = [entry for entry in tree if entry.key not in self._stopped]
        for entry in new:
            self._send(entry, int(signal.SIGSTOP))
            self._stopped.add(entry.key)
        if new:
            self._looks = 0
            return 0.0
        self._looks += 1
        # kill(2) returns before the target has stopped: a fork that was under way may still succeed.
        restless = [entry for entry in tree if entry.state not in _QUIET and entry.key not in self._killed]
        if restless and self._looks < _MOST_LOOKS:
            return 0.0 if self._looks < 3 else _PAUSE
        for entry in tree:
            self._send(entry, int(signal.SIGKILL))
            self._killed.add(entry.key)
        return _PAUSE
