"""The lifecycle's deadlines on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core.events import Timer


class Timers:
    """At most one pending deadline for each timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[Timer, asyncio.TimerHandle] = {}

    def arm(self, timer: Timer, at: float, expired: Callable[[], None]) -> None:
        """Calls ``expired`` at the loop's time ``at``, instead of what was armed before."""
        self.disarm(timer)
        self._handles[timer] = self._loop.call_at(at, expired)

    def disarm(self, timer: Timer) -> None:
        """Forgets the deadline."""
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()
