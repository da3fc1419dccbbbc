"""What happened when, for crash reports: the states and the health of the last while."""

from __future__ import annotations

from collections import deque

from ..wire.messages import HealthResult, StateChanged

KEPT = 100


class Timeline:
    """The last 100 moves of the lifecycle and the last 100 changes of health as lines that begin with their time, oldest first."""

    def __init__(self) -> None:
        self.states: deque[str] = deque(maxlen=KEPT)
        self.health: deque[str] = deque(maxlen=KEPT)

    def changed(self, change: StateChanged) -> None:
        """The lifecycle moved."""
        port = "" if change.port is None else f" port {change.port}"
        pid = "" if change.pid is None else f" pid {change.pid}"
        self.states.append(f"{change.time}  {change.previous} → {change.state} ({change.reason}){port}{pid}")

    def checked(self, time: str, result: HealthResult) -> None:
        """The health changed at that time, ISO 8601 UTC."""
        self.health.append(f"{time}  {result.status}{f': {result.error}' if result.error else ''}")
