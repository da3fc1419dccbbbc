"""State x Event -> Actions: the one table that decides what happens to the backend. It does not act, and reads no clock."""

from collections.abc import Callable, Sequence
from typing import Any

from . import actions as a
from . import events as e
from .events import Conflict, Outcome, Reason, State, Timer
from .machine import Machine
from .stop import Rung

Transition = Callable[[Machine, Any], None]


class Lifecycle(Machine):
    """Takes events, returns actions."""

    def handle(self, event: e.Event, now: float) -> Sequence[a.Action]:
        """Takes one event; returns the actions, in order. LookupError: the event is impossible in this state; nothing changed."""
        if getattr(event, "run", self.run) != self.run:
            return ()
        transition = TABLE[self.state, type(event)]
        self.now = now
        self.actions = []
        transition(self, event)
        return self.actions


def _nothing(_m: Machine, _event: e.Event) -> None:
    """The event changes nothing in this state."""


# Commands ---------------------------------------------------------------------------------------------------------------


def _start(m: Machine, event: e.Start) -> None:
    """Starts from rest. A manual start clears the budget, an automatic one does not."""
    m.wants_up = True
    if event.reason is Reason.REQUESTED:
        m.clear_budget()
    m.launch_when_free(event.reason)


def _join_start(m: Machine, event: e.Start) -> None:
    """Joins the start under way; the caller's command still clears the budget."""
    if event.reason is Reason.REQUESTED:
        m.clear_budget()


def _restart_starting(m: Machine, event: e.Restart) -> None:
    """Joins the start, unless it hangs."""
    if m.restart_replaces():
        _restart(m, event)
    else:
        m.clear_budget()


def _restart(m: Machine, _event: e.Restart) -> None:
    m.clear_budget()
    m.wants_up = m.due = True
    m.stop(Reason.REQUESTED)


def _start_after_stop(m: Machine, _event: e.Start | e.Restart) -> None:
    m.clear_budget()
    m.wants_up = True
    m.launch_when_free(Reason.REQUESTED)


def _stop(m: Machine, _event: e.Stop) -> None:
    m.wants_up = m.due = False
    m.do(a.AnswerUp(Outcome.CANCELLED))
    m.stop(Reason.REQUESTED)


def _stop_again(m: Machine, _event: e.Stop) -> None:
    """Joins the stop under way and cancels the start that waited for it."""
    m.wants_up = m.due = False
    m.stop_reason = Reason.REQUESTED
    m.do(a.AnswerUp(Outcome.CANCELLED))


def _stop_at_rest(m: Machine, _event: e.Stop) -> None:
    """Cancels a pending restart; still waits for what is left of an old tree."""
    m.wants_up = m.due = False
    m.do(a.Disarm(Timer.BACKOFF), a.AnswerUp(Outcome.CANCELLED))
    if m.occupied:
        m.stop(Reason.REQUESTED)
        return
    if m.state is State.BACKOFF:
        m.move(State.STOPPED, Reason.REQUESTED)
    m.do(a.AnswerDown(Outcome.DONE))


def _shutdown(m: Machine, event: e.Shutdown) -> None:
    if m.closing is None or event.owner_lost:
        m.closing = event
        m.do(a.Relay(event))
    m.wants_up = m.due = False
    m.do(a.Disarm(Timer.BACKOFF), a.AnswerUp(Outcome.SHUTTING_DOWN))
    if not m.occupied:
        if m.state is not State.STOPPED:
            m.move(State.STOPPED, Reason.SHUTDOWN)
        m.do(a.AnswerDown(Outcome.DONE), a.Finish(clean=True))
    elif m.state is State.STOPPING:
        m.stop_reason = Reason.SHUTDOWN
        m.shorten(m.closing)
    else:
        m.stop(Reason.SHUTDOWN)


# Facts ----------------------------------------------------------------------------------------------------------------


def _relay(m: Machine, event: e.Progress | e.Providers | e.Exposed) -> None:
    m.do(a.Relay(event))


def _kill(m: Machine, _event: e.Event) -> None:
    m.do(a.TakeRung(m.run, Rung.KILL))


def _launch_failed(m: Machine, event: e.LaunchFailed) -> None:
    m.occupied = False
    m.do(a.Disarm(Timer.STARTUP))
    if event.permanent:
        m.fail_for_good(event.error)
    else:
        m.fail(Reason.CRASHED, event.error)
    m.do(a.AnswerUp(Outcome.LAUNCH_FAILED, event.error))
    m.report_failure()
    m.launch_if_due()


def _ready(m: Machine, _event: e.Ready) -> None:
    m.became_ready()
    m.do(a.AnswerUp(Outcome.DONE))


def _health(m: Machine, event: e.Health) -> None:
    """Relays the health; only time in good health forgives failures."""
    m.do(a.Relay(event))
    if event.healthy:
        m.healthy_time.resume(m.now)
    else:
        m.healthy_time.pause(m.now)


def _hung(m: Machine, event: e.Hung) -> None:
    if m.policy.over_when_hung:
        _kill(m, event)
    elif m.policy.restart_when_hung:
        m.stop(Reason.HUNG)


def _foreign(m: Machine, _event: e.Foreign | e.SocketUnused) -> None:
    if not m.may_retry:
        m.do(a.AnswerUp(Outcome.FOREIGN))
    m.stop(Reason.PORT_RETRY if m.may_retry else Reason.CRASHED)


def _startup_over(m: Machine, event: e.Expired) -> None:
    if event.timer is Timer.STARTUP:
        m.do(a.AnswerUp(Outcome.STARTUP_TIMEOUT))
        m.stop(Reason.STARTUP_TIMEOUT)


def _rung_over(m: Machine, event: e.Expired) -> None:
    if event.timer is Timer.LADDER:
        m.climb()


def _backoff_over(m: Machine, event: e.Expired) -> None:
    if event.timer is Timer.BACKOFF:
        m.backoff_over()
        m.launch_if_due()


def _ended(m: Machine, event: e.Exited) -> None:
    """Handles the unexpected exit of a ready run. The state changes at once; the next run waits until the tree is gone."""
    m.healthy_time.pause(m.now)
    m.end(clean=event.status.clean)


def _ended_starting(m: Machine, event: e.Exited) -> None:
    m.ended_clean = event.status.clean


def _died_starting(m: Machine, event: e.Gone) -> None:
    """Judges the end only now, when the last output is known: that tells a lost port from a crash."""
    m.occupied = False
    m.do(a.Disarm(Timer.STARTUP))
    if event.conflict is not None and (m.may_retry or (event.conflict is Conflict.LINGERING and m.may_wait)):
        m.launch_when_free(Reason.PORT_RETRY)
        return
    m.end(clean=m.ended_clean)
    m.do(a.AnswerUp(Outcome.EXITED))
    m.report_failure()
    m.launch_if_due()


def _cleaned_up(m: Machine, _event: e.Gone | e.LaunchFailed) -> None:
    m.occupied = False
    m.report_failure()
    m.launch_if_due()


def _stopped(m: Machine, event: e.Gone) -> None:
    m.occupied = False
    m.do(a.Disarm(Timer.LADDER))
    m.report_failure()
    if event.survivors:
        m.stop_failed()
    elif m.closing is not None:
        m.move(State.STOPPED, Reason.SHUTDOWN)
        m.do(a.AnswerDown(Outcome.DONE), a.Finish(clean=True))
    elif m.stop_reason is Reason.REQUESTED or m.due:
        m.do(a.AnswerDown(Outcome.DONE))
        if not m.due:
            m.move(State.STOPPED, Reason.REQUESTED)
        m.launch_if_due()
    elif m.stop_reason is Reason.PORT_RETRY:
        m.launch_when_free(Reason.PORT_RETRY)
    else:
        m.fail(m.stop_reason)
        if m.state is State.FAILED:
            m.do(a.AnswerUp(Outcome.RESTARTS_EXHAUSTED))  # callers that came during the stop waited for the next run
        m.report_failure()
        m.launch_if_due()


_FACTS = (
    e.Waiting, e.PortReported, e.Progress, e.Listener, e.Unready, e.Ready, e.Foreign, e.SocketUnused, e.ExtendTimeout,
    e.Health, e.Hung, e.Providers, e.Exposed, e.MemoryExceeded, e.Exited, e.Expired,
)  # fmt: skip
_EVERYWHERE: dict[type, Transition] = {**dict.fromkeys(_FACTS, _nothing), e.Shutdown: _shutdown}
_AT_REST: dict[type, Transition] = {
    **_EVERYWHERE,
    e.Start: _start,
    e.Restart: lambda m, _event: _start(m, e.Start()),
    e.Stop: _stop_at_rest,
    e.ShutdownRequestFailed: _nothing,
    e.Gone: _cleaned_up,
}
_ROWS: dict[State, dict[type, Transition]] = {
    State.STOPPED: _AT_REST,
    # Launched after the stop ladder had ended: there was nothing to stop then.
    State.FAILED: {**_AT_REST, e.Launched: _kill, e.LaunchFailed: _cleaned_up},
    State.BACKOFF: {**_AT_REST, e.Expired: _backoff_over},
    State.STARTING: {
        **_EVERYWHERE,
        e.Start: _join_start,
        e.Restart: _restart_starting,
        e.Stop: _stop,
        e.Waiting: lambda m, event: m.begin_start_time(event.seconds),
        e.Launched: _nothing,
        e.LaunchFailed: _launch_failed,
        e.Progress: _relay,
        e.Ready: _ready,
        e.Foreign: _foreign,
        e.SocketUnused: _foreign,
        e.ExtendTimeout: lambda m, event: m.extend_start(event.seconds),
        e.MemoryExceeded: _kill,
        e.Expired: _startup_over,
        e.Exited: _ended_starting,
        e.Gone: _died_starting,
    },
    State.RUNNING: {
        **_EVERYWHERE,
        e.Start: lambda m, _event: m.do(a.AnswerUp(Outcome.DONE)),
        e.Restart: _restart,
        e.Stop: _stop,
        e.PortReported: lambda m, _event: m.move(State.RUNNING, Reason.PORT_CHANGED),
        e.Health: _health,
        e.Hung: _hung,
        e.Providers: _relay,
        e.Exposed: _relay,
        e.MemoryExceeded: _kill,
        e.Exited: _ended,
    },
    State.STOPPING: {
        **_EVERYWHERE,
        e.Start: _start_after_stop,
        e.Restart: _start_after_stop,
        e.Stop: _stop_again,
        e.Launched: lambda m, _event: m.repeat_rung(),
        e.LaunchFailed: lambda m, event: _stopped(m, e.Gone(event.run)),
        e.ShutdownRequestFailed: lambda m, _event: m.skip_request(),
        e.ExtendTimeout: lambda m, event: m.extend_stop(event.seconds),
        e.MemoryExceeded: _kill,
        e.Expired: _rung_over,
        e.Gone: _stopped,
    },
}
TABLE: dict[tuple[State, type], Transition] = {
    (state, event): transition for state, row in _ROWS.items() for event, transition in row.items()
}
