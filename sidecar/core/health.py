"""Turns single answers of the health endpoint into a status; a suspend does not count as a failure."""

from enum import StrEnum

from msgspec import Struct


class Answer(StrEnum):
    """How one check ended: 2xx, another status, no answer, or the run has lost its port. UNKNOWN: the check could not be made."""

    OK = "ok"
    ERROR_STATUS = "error_status"
    NONE = "none"
    LOST = "lost"
    UNKNOWN = "unknown"


class HealthTracker(Struct, kw_only=True, eq=False):
    """One per run. An error status or a lost port is unhealthy at once; silence is after ``failures`` misses in a row."""

    interval: float  # seconds between two checks
    failures: int
    successes: int
    healthy: bool | None = None
    _misses: int = 0
    _good: int = 0

    @property
    def hung(self) -> bool:
        """Whether enough checks in a row went unanswered to call the run hung."""
        return self._misses >= self.failures

    def suspended(self) -> None:
        self._misses = 0

    def begin(self, now: float, planned: float) -> None:
        """Begins a check that was due at ``planned``. If it is so late that the machine must have slept, misses so far do not count."""
        if now - planned > 2 * self.interval:
            self.suspended()

    def record(self, answer: Answer) -> bool:
        """Takes one answer; returns True if ``healthy`` changed, including its first value."""
        before = self.healthy
        if answer is Answer.UNKNOWN:
            return False
        if answer is Answer.OK:
            self._misses = 0
            self._good += 1
            if self._good >= self.successes:
                self.healthy = True
        else:
            self._good = 0
            self._misses = 0 if answer is Answer.ERROR_STATUS else self._misses + 1
            if answer is not Answer.NONE or self._misses >= self.failures:
                self.healthy = False
        return self.healthy is not before
