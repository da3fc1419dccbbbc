"""Whether and when a failed backend restarts."""

from msgspec import Struct

from ..settings.model import Restart

_MAX_DELAY = 86_400.0  # seconds, as in every setting
_MAX_POWER = 100  # a float holds 100, the largest backoff, to this power


class HealthyTime:
    """How long the backend has been healthy, over all runs; only this time forgives a failure."""

    def __init__(self) -> None:
        self._total = 0.0
        self._since: float | None = None

    def resume(self, now: float) -> None:
        if self._since is None:
            self._since = now

    def pause(self, now: float) -> None:
        self._total = self.total(now)
        self._since = None

    def total(self, now: float) -> float:
        """Returns the seconds in good health until ``now``."""
        return self._total + (max(0.0, now - self._since) if self._since is not None else 0.0)


class Verdict(Struct, frozen=True):
    """``attempt``: which restart of the budget follows; ``delay``: seconds until the next start, None if no restart is left."""

    attempt: int
    delay: float | None


class RestartBudget:
    """Counts failures; each is forgiven after ``window`` seconds of *healthy running*, so failing starts do not go on for ever."""

    def __init__(self, settings: Restart, delay: float, *, spent: int = 0) -> None:
        """``delay``: seconds between restarts; ``spent`` failures come from an earlier sidecar on the same data folder."""
        self._settings = settings
        self._delay = delay
        self._failures = [0.0] * spent

    def failed(self, healthy_time: float, random: float) -> Verdict:
        """Charges one failure. ``random`` in [0, 1) spreads the delay."""
        self._forgive(healthy_time)
        self._failures.append(healthy_time)
        attempt = len(self._failures)
        if attempt > self._settings.attempts:
            return Verdict(self._settings.attempts, None)
        growth = self._settings.backoff ** min(max(attempt - 2, 0), _MAX_POWER)
        delay = self._settings.first_delay if attempt == 1 else self._delay * growth
        return Verdict(attempt, min(delay * (1 + self._settings.jitter * random), _MAX_DELAY))

    def spent(self, healthy_time: float) -> int:
        self._forgive(healthy_time)
        return len(self._failures)

    def clear(self) -> None:
        """Forgives everything, after a manual start or restart."""
        self._failures.clear()

    def _forgive(self, healthy_time: float) -> None:
        self._failures = [stamp for stamp in self._failures if healthy_time - stamp < self._settings.window]
