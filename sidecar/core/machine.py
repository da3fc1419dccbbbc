"""What the lifecycle remembers, and the steps that its transitions consist of."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct, structs

from ..errors import SidecarError
from ..settings.model import Restart, Settings, Timeouts
from . import actions as a
from . import events as e
from .events import Outcome, Reason, State, Timer
from .restart import HealthyTime, RestartBudget
from .stop import Rung, StopLadder, stop_ladder

SAME_REQUEST = 0.5  # seconds within which several restarts are one: a double click, or callers that share a reason

MAX_EXTENSION = 3600.0  # seconds that one EXTEND_TIMEOUT_USEC may ask for

PORT_ATTEMPTS = 5  # ports that one start may try before the lack of a port counts as a failure
_MAX_WAITS = 2  # the second: another program took the port in the meantime and left it again


class LifecyclePolicy(Struct, frozen=True):
    """What the lifecycle needs from the settings."""

    timeouts: Timeouts  # startup is infinite if the backend is not managed
    restart: Restart
    restart_when_hung: bool
    has_shutdown_endpoint: bool
    port_attempts: int = 1  # ports that one start may try
    over_when_hung: bool = False  # only silence shows that the run has ended (the backend is not managed)
    has_stdin: bool = False  # the stdin of a run is open until its stop

    @classmethod
    def of(cls, settings: Settings) -> LifecyclePolicy:
        """Returns the policy of the settings for a managed backend; for one that is only watched, waits and tries for ever."""
        backend = settings.backend
        if not backend.managed:
            return cls(
                timeouts=structs.replace(settings.timeouts, startup=math.inf, restart_delay=0.0),
                restart=Restart(attempts=1, window=0.0),
                restart_when_hung=False,
                has_shutdown_endpoint=False,
                over_when_hung=True,
            )
        return cls(
            timeouts=settings.timeouts,
            restart=settings.restart,
            restart_when_hung=settings.health.restart_when_hung,
            has_stdin=backend.stdin == "open",
            has_shutdown_endpoint=bool(backend.shutdown_path),
            port_attempts=PORT_ATTEMPTS if backend.port == "auto" and backend.socket == "none" else 1,
        )


class Machine:
    """The state of the backend, what is wanted of it, and the actions of the event being handled."""

    def __init__(self, policy: LifecyclePolicy, *, random: Callable[[], float], spent: int = 0) -> None:
        """``random`` gives numbers in [0, 1) for the jitter; ``spent`` failures come from an earlier sidecar."""
        self.policy = policy
        self.budget = RestartBudget(policy.restart, policy.timeouts.restart_delay, spent=spent)
        self.healthy_time = HealthyTime()
        self.state = State.STOPPED
        self.wants_up = False
        self.run = 0  # the number of the newest run, 0 before the first
        self.attempt = 1  # how many ports this start has tried, including the run's
        self.occupied = False  # a launch is under way, or part of a tree may be alive: no new run until that is over
        self.restarts = 0  # automatic starts since the last manual one
        self.due = False  # a launch is decided and waits only for the old tree to end
        self.stop_reason = Reason.REQUESTED  # why the run is being stopped
        self.closing: e.Shutdown | None = None  # the sidecar is about to end
        self.ended_clean = False  # the root of a run that was not ready exited with code 0
        self.now = 0.0  # the time of the event being handled
        self.actions: list[a.Action] = []  # what to do about it, in order
        self._random = random
        self._ready = False
        self._startup_at = 0.0
        self._begun = 0.0
        self._restart_requested: float | None = None
        self._start_reason = Reason.REQUESTED
        self._ladder = StopLadder(())
        self._failure: a.ReportFailure | None = None

    def do(self, *actions: a.Action) -> None:
        self.actions.extend(actions)

    def move(self, state: State, reason: Reason) -> None:
        previous, self.state = self.state, state
        self.do(a.Announce(state, previous, reason))

    def clear_budget(self) -> None:
        """A manual start or restart forgives every failure."""
        self.budget.clear()
        self.restarts = 0

    def launch_when_free(self, reason: Reason) -> None:
        """Decides a launch, which happens as soon as nothing is left of an older run."""
        self._start_reason = reason
        self.due = True
        self.do(a.Disarm(Timer.BACKOFF))
        self.launch_if_due()

    def launch_if_due(self) -> None:
        if not self.due or self.occupied or self.closing is not None:
            return
        self.due = self._ready = self.ended_clean = False
        self.occupied = True
        self.run += 1
        retry = self._start_reason is Reason.PORT_RETRY
        self.attempt = self.attempt + 1 if retry else 1
        if not retry:  # another port is not another start: the callers' time keeps running
            self._startup_at = self.now + self.policy.timeouts.startup
            self._begun, self._restart_requested = self.now, None
        self.do(a.Prepare(self.run, retry))
        self.move(State.STARTING, self._start_reason)
        self.do(a.Launch(self.run), a.Arm(Timer.STARTUP, self._startup_at))

    def begin_start_time(self, delay: float) -> None:
        """Counts the startup timeout from ``delay`` seconds from now."""
        self._startup_at = self.now + delay + self.policy.timeouts.startup
        self.do(a.Arm(Timer.STARTUP, self._startup_at))

    def extend_start(self, seconds: float) -> None:
        """Lets the start take at least ``seconds`` from now."""
        at = self.now + min(seconds, MAX_EXTENSION)
        if at > self._startup_at:
            self._startup_at = at
            self.do(a.Arm(Timer.STARTUP, at))

    def extend_stop(self, seconds: float) -> None:
        """Puts the kill off until at least ``seconds`` from now; an ending sidecar does not wait for that."""
        if self.closing is None:
            self._ladder = self._ladder.extended(self.now, min(seconds, MAX_EXTENSION))
            self.climb()

    @property
    def may_wait(self) -> bool:
        return self.attempt <= _MAX_WAITS

    @property
    def stop_requested(self) -> bool:
        """Whether the run is being stopped because a client requested it, or the sidecar is ending."""
        return self.state is State.STOPPING and self.stop_reason in {Reason.REQUESTED, Reason.SHUTDOWN}

    @property
    def may_retry(self) -> bool:
        return self.attempt < self.policy.port_attempts

    def restart_replaces(self) -> bool:
        """Whether a restart requested now ends the start under way: the start takes long, or a restart was requested before."""
        before, self._restart_requested = self._restart_requested, self._restart_requested or self.now
        again = before is not None and self.now - before >= SAME_REQUEST
        return again or self.now - self._begun >= self.policy.timeouts.restart_hanging

    def became_ready(self) -> None:
        self._ready = True
        self.healthy_time.resume(self.now)
        self.do(a.Disarm(Timer.STARTUP))
        self.move(State.RUNNING, Reason.READY)

    def stop(self, reason: Reason) -> None:
        can_request = self._ready and self.state is State.RUNNING and self.policy.has_shutdown_endpoint
        self.stop_reason = reason
        self._start_reason = Reason.REQUESTED
        self.healthy_time.pause(self.now)
        self.do(a.Disarm(Timer.STARTUP), a.Disarm(Timer.BACKOFF))
        self._ladder = stop_ladder(
            self.now, self.policy.timeouts, can_request=can_request, has_stdin=self.policy.has_stdin
        )
        announcement = a.Announce(State.STOPPING, self.state, reason)
        self.state = State.STOPPING
        if self.closing is None:
            self.climb()
        else:
            self.shorten(self.closing)
        self.do(announcement)  # the process gets the request before anyone is notified

    def shorten(self, shutdown: e.Shutdown) -> None:
        """Cuts the ladder to the time that an ending sidecar has."""
        times = self.policy.timeouts
        if shutdown.owner_lost:
            self._ladder = self._ladder.at_once(self.now).capped(self.now, times, times.owner_lost)
        else:
            limit = max(0.0, times.total_shutdown - times.force_kill)  # so that the whole stop stays within its total
            self._ladder = self._ladder.capped(self.now, times, limit)
        self.climb()

    def skip_request(self) -> None:
        """Skips the wait for the shutdown request, which the backend did not accept; not if its stdin was closed too."""
        if self.policy.has_stdin:
            return
        self._ladder = self._ladder.without_waiting(self.now)
        self.climb()

    def climb(self) -> None:
        self._ladder, due = self._ladder.take(self.now)
        for rung in due:
            if rung is Rung.GIVE_UP:
                self.stop_failed()
            else:
                self._take(rung)
        if self._ladder.next_at is not None:
            self.do(a.Arm(Timer.LADDER, self._ladder.next_at))

    def repeat_rung(self) -> None:
        """Takes the last rung again, for a process that was launched after it."""
        killed = all(rung is Rung.GIVE_UP for _, rung in self._ladder.steps)
        self._take(Rung.KILL if killed else Rung.INTERRUPT)

    def _take(self, rung: Rung) -> None:
        seconds = self._ladder.kill_in(self.now) if rung is Rung.INTERRUPT else 0.0
        self.do(a.TakeRung(self.run, rung, seconds))

    def stop_failed(self) -> None:
        """Enters FAILED: part of the tree survived the kill."""
        self.wants_up = self.due = False
        self.do(a.Disarm(Timer.LADDER))
        self.move(State.FAILED, self.stop_reason)
        self.do(a.AnswerUp(Outcome.STOP_FAILED), a.AnswerDown(Outcome.STOP_FAILED))
        if self.closing is not None:
            self.do(a.Finish(clean=False))

    def fail(self, reason: Reason, error: SidecarError | None = None) -> None:
        """Charges a failure to the budget: enters BACKOFF, or FAILED if the budget is spent."""
        verdict = self.budget.failed(self.healthy_time.total(self.now), self._random())
        final = verdict.delay is None
        self._failure = a.ReportFailure(self.run, reason, verdict.attempt, verdict.delay, final=final, error=error)
        self._start_reason = reason
        if verdict.delay is None:
            self.wants_up = False
            self.move(State.FAILED, Reason.RESTARTS_EXHAUSTED)
            return
        self.move(State.BACKOFF, reason)
        if verdict.delay > 0:
            self.do(a.Arm(Timer.BACKOFF, self.now + verdict.delay))
        else:
            self.backoff_over()

    def end(self, *, clean: bool) -> None:
        """Handles a run that exited by itself: a failure, unless it exited cleanly and may do so."""
        reason = Reason.EXITED if clean else Reason.CRASHED
        if clean and not self.policy.restart.on_clean_exit:
            self.wants_up = False
            self.move(State.STOPPED, reason)
        else:
            self.fail(reason)

    def fail_for_good(self, error: SidecarError) -> None:
        """Enters FAILED without touching the budget, because trying again would fail again."""
        attempt = self.budget.spent(self.healthy_time.total(self.now))
        self._failure = a.ReportFailure(self.run, Reason.CRASHED, attempt, None, final=True, error=error)
        self.wants_up = False
        self.move(State.FAILED, Reason.CRASHED)

    def backoff_over(self) -> None:
        self.restarts += 1
        self.due = True

    def report_failure(self) -> None:
        """Reports the failure, once the last output of the run is known."""
        if self._failure is not None:
            self.do(self._failure)
            self._failure = None
