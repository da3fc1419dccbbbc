"""The stop ladder: which rung is due when. It ends as soon as the process is gone."""

from __future__ import annotations

import math
from enum import StrEnum

from msgspec import Struct

from ..settings.model import Timeouts


class Rung(StrEnum):
    """Ways to end a run, the gentlest first. GIVE_UP: the kernel did not kill it."""

    CLOSE_STDIN = "close_stdin"
    REQUEST = "request"
    INTERRUPT = "interrupt"
    KILL = "kill"
    GIVE_UP = "give_up"


class StopLadder(Struct, frozen=True):
    """The remaining rungs, each with its time."""

    steps: tuple[tuple[float, Rung], ...]

    @property
    def next_at(self) -> float | None:
        return self.steps[0][0] if self.steps else None

    def kill_in(self, now: float) -> float:
        """Returns the seconds until the kill; 0 if it is due."""
        return max(0.0, next((at for at, rung in self.steps if rung is Rung.KILL), now) - now)

    def take(self, now: float) -> tuple[StopLadder, tuple[Rung, ...]]:
        """Returns the ladder above the rungs that are due, and these rungs. If the kill is due, it alone: gentler rungs would only delay it."""
        due = tuple(rung for at, rung in self.steps if at <= now)
        if Rung.KILL in due:
            place = due.index(Rung.KILL)
            return StopLadder(self.steps[place + 1 :]), (Rung.KILL,)
        return StopLadder(self.steps[len(due) :]), due

    def without_waiting(self, now: float) -> StopLadder:
        """Does not wait for a useless shutdown request: if the interrupt is the next rung, it is due now, and later rungs move with it."""
        if not self.steps or self.steps[0][1] is not Rung.INTERRUPT:
            return self
        early = max(0.0, self.steps[0][0] - now)
        return StopLadder(tuple((at - early, rung) for at, rung in self.steps))

    def capped(self, now: float, times: Timeouts, limit: float) -> StopLadder:
        """Returns the same rungs, with the kill at most ``limit`` seconds from now and every gentler rung by then."""
        latest: dict[Rung, float] = {rung: min(at, now + limit) for at, rung in self.steps if rung is not Rung.GIVE_UP}
        latest[Rung.GIVE_UP] = latest.get(Rung.KILL, math.inf) + times.force_kill
        return StopLadder(tuple((min(at, latest[rung]), rung) for at, rung in self.steps))

    def extended(self, now: float, seconds: float) -> StopLadder:
        """Puts off the kill, if it is still to come, until ``seconds`` from now at least, and what follows it by as much."""
        more = now + seconds - next((at for at, rung in self.steps if rung is Rung.KILL), math.inf)
        if more <= 0:
            return self
        return StopLadder(tuple((at if rung in _GENTLE else at + more, rung) for at, rung in self.steps))

    def at_once(self, now: float) -> StopLadder:
        """Makes every rung below the kill due now: no client is left to wait for."""
        return StopLadder(tuple((min(at, now) if rung in _GENTLE else at, rung) for at, rung in self.steps))


_GENTLE = (Rung.CLOSE_STDIN, Rung.REQUEST, Rung.INTERRUPT)


def stop_ladder(now: float, times: Timeouts, *, can_request: bool, has_stdin: bool = False) -> StopLadder:
    """Returns the whole ladder. ``can_request``: ready, with a shutdown endpoint; ``has_stdin``: its stdin is open, and is closed first."""
    interrupt_at = now + (times.shutdown_request if can_request or has_stdin else 0.0)
    kill_at = interrupt_at + times.graceful_shutdown
    gentler = [rung for rung, possible in ((Rung.CLOSE_STDIN, has_stdin), (Rung.REQUEST, can_request)) if possible]
    return StopLadder(
        (
            *((now, rung) for rung in gentler),
            (interrupt_at, Rung.INTERRUPT),
            (kill_at, Rung.KILL),
            (kill_at + times.force_kill, Rung.GIVE_UP),
        )
    )
