"""What happened when, for crash reports: the states and the health of the last while."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from ..wire.messages import HealthResult, StateChanged

KEPT = 100


class TimelineEntry(Struct, frozen=True):
    """``time`` is ISO 8601 UTC, ``text`` one line."""

    time: str
    text: str


class Timeline:
    """Remembers the last 100 moves of the lifecycle and the last 100 changes of health, oldest first."""

    def __init__(self) -> None:
        self.states: deque[TimelineEntry] = deque(maxlen=KEPT)
        self.health: deque[TimelineEntry] = deque(maxlen=KEPT)

    def changed(self, change: StateChanged) -> None:
        """The lifecycle moved."""
        facts = [f"{change.previous} → {change.state}", f"({change.reason})"]
        if change.port is not None:
            facts.append(f"port {change.port}")
        if change.pid is not None:
            facts.append(f"pid {change.pid}")
        self.states.append(TimelineEntry(change.time, " ".join(facts)))

    def checked(self, time: str, result: HealthResult) -> None:
        """The health changed."""
        self.health.append(TimelineEntry(time, f"{result.status}{f': {result.error}' if result.error else ''}"))
