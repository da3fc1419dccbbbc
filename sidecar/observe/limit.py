"""A limit with hysteresis: an alert reports something that lasts, and does not flutter. Pure."""

from __future__ import annotations

from typing import Literal

from ..wire.observe import ResourceAlert


class Limit:
    """Watches one value.

    Args:
        metric: its name.
        limit: the alert is raised when the value has been above this for ``hold`` seconds; 0: never.
        hysteresis: and taken back when it has been below ``limit * (1 - hysteresis)`` for as long.
    """

    def __init__(self, metric: Literal["cpu", "memory"], limit: float, hysteresis: float, hold: float) -> None:
        self._metric = metric
        self._limit = limit
        self._release_below = limit * (1 - hysteresis)
        self._hold = hold
        self._active = False
        self._since: float | None = None  # since when the value speaks against the present verdict
        self._value = 0.0

    def check(self, value: float, now: float) -> ResourceAlert | None:
        """The alert, or its end, when the value at the time ``now`` brings either about."""
        self._value = value
        if not self._limit:
            return None
        against = value < self._release_below if self._active else value > self._limit
        if not against:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < self._hold:
            return None
        return self._turn()

    def release(self) -> ResourceAlert | None:
        """There is nothing to watch any more: the end of the alert, where it was active."""
        self._since = None
        self._value = 0.0
        return self._turn() if self._active else None

    def _turn(self) -> ResourceAlert:
        self._active = not self._active
        self._since = None
        return ResourceAlert(metric=self._metric, value=self._value, limit=self._limit, active=self._active)
