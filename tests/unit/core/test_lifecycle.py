"""Every pair of state and event, and the stories of the protocol page."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import structs

from sidecar.core import actions as a
from sidecar.core import events as e
from sidecar.core.events import Conflict, Outcome, Reason, State, Timer
from sidecar.core.exit_status import ExitStatus
from sidecar.core.lifecycle import TABLE, Lifecycle
from sidecar.core.machine import MAX_EXTENSION, LifecyclePolicy
from sidecar.core.stop import Rung
from sidecar.errors import BackendNotFoundError, PortInUseError
from sidecar.settings.model import Restart, Timeouts

POLICY = LifecyclePolicy(
    timeouts=Timeouts(
        startup=60,
        restart_delay=5,
        restart_hanging=math.inf,
        shutdown_request=2,
        graceful_shutdown=10,
        force_kill=5,
        total_shutdown=27,
        owner_lost=1.5,
    ),
    restart=Restart(attempts=3, window=600, first_delay=0, backoff=1, jitter=0, on_clean_exit=True),
    restart_when_hung=False,
    has_shutdown_endpoint=True,
    port_attempts=5,
)
CRASH = ExitStatus(signal=6)
CLEAN = ExitStatus(code=0)
ALL_EVENTS: list[type] = list(e.Event.__args__)


class Story:
    """Drives a lifecycle and keeps its own clock."""

    def __init__(self, **policy: Any) -> None:
        self.life = Lifecycle(structs.replace(POLICY, **policy), random=lambda: 0.0)
        self.now = 1000.0
        self.timers: dict[Timer, float] = {}
        self.log: list[a.Action] = []

    @property
    def state(self) -> State:
        return self.life.state

    @property
    def run(self) -> int:
        return self.life.run

    def send(self, event: e.Event) -> list[a.Action]:
        actions = list(self.life.handle(event, self.now))
        for action in actions:
            if isinstance(action, a.Arm):
                self.timers[action.timer] = action.at
            elif isinstance(action, a.Disarm):
                self.timers.pop(action.timer, None)
        self.log += actions
        return actions

    def expire(self, timer: Timer) -> list[a.Action]:
        self.now = self.timers.pop(timer)
        return self.send(e.Expired(self.run, timer))

    def up(self) -> None:
        self.send(e.Start())
        self.send(e.Launched(self.run))
        self.send(e.Ready(self.run))

    def crash(self, status: ExitStatus = CRASH) -> list[a.Action]:
        return [*self.send(e.Exited(self.run, status)), *self.send(e.Gone(self.run))]

    def reach(self, state: State) -> None:
        if state is State.STARTING:
            self.send(e.Start())
        elif state is State.RUNNING:
            self.up()
        elif state is State.STOPPING:
            self.up()
            self.send(e.Stop())
        elif state is State.BACKOFF:
            self.up()
            self.send(e.Exited(self.run, CRASH))
        elif state is State.FAILED:
            self.send(e.Start())
            self.send(e.LaunchFailed(self.run, BackendNotFoundError("x"), permanent=True))
        assert self.state is state


def sample(event: type, run: int) -> Any:
    values = {
        e.Start: e.Start(),
        e.Restart: e.Restart(),
        e.Stop: e.Stop(),
        e.Shutdown: e.Shutdown(),
        e.Launched: e.Launched(run),
        e.LaunchFailed: e.LaunchFailed(run, PortInUseError("x"), permanent=False),
        e.Ready: e.Ready(run),
        e.Health: e.Health(run, healthy=False),
        e.Hung: e.Hung(run),
        e.Foreign: e.Foreign(run),
        e.SocketUnused: e.SocketUnused(run),
        e.ExtendTimeout: e.ExtendTimeout(run, 1.0),
        e.Waiting: e.Waiting(run, 1.0),
        e.PortReported: e.PortReported(run, 5005),
        e.Progress: e.Progress(run, "waiting", 1.0, "waiting"),
        e.Listener: e.Listener(run, "own"),
        e.Unready: e.Unready(run, "no answer"),
        e.Providers: e.Providers(run, {}),
        e.Exposed: e.Exposed(run, ()),
        e.MemoryExceeded: e.MemoryExceeded(run, 1),
        e.ShutdownRequestFailed: e.ShutdownRequestFailed(run),
        e.Exited: e.Exited(run, CRASH),
        e.Gone: e.Gone(run),
        e.Expired: e.Expired(run, Timer.STARTUP),
    }
    return values[event]


# What each pair leads to; a pair that is not here cannot happen and must raise.
S, G, R, P, B, F = State.STOPPED, State.STARTING, State.RUNNING, State.STOPPING, State.BACKOFF, State.FAILED
EXPECTED: dict[type, dict[State, State]] = {
    e.Start: {S: G, G: G, R: R, P: P, B: B, F: G},
    e.Restart: {S: G, G: G, R: P, P: P, B: B, F: G},
    e.Stop: {S: S, G: P, R: P, P: P, B: P, F: F},
    e.Shutdown: {S: S, G: P, R: P, P: P, B: P, F: S},
    e.Launched: {G: G, P: P, F: F},
    e.LaunchFailed: {G: G, P: S, F: F},  # STARTING: through BACKOFF, the first attempt follows at once
    e.Ready: {S: S, G: R, R: R, P: P, B: B, F: F},
    e.Health: {S: S, G: G, R: R, P: P, B: B, F: F},
    e.Hung: {S: S, G: G, R: R, P: P, B: B, F: F},
    e.Foreign: {S: S, G: P, R: R, P: P, B: B, F: F},
    e.SocketUnused: {S: S, G: P, R: R, P: P, B: B, F: F},
    e.ShutdownRequestFailed: {S: S, P: P, B: B, F: F},
    e.Exited: {S: S, G: G, R: B, P: P, B: B, F: F},
    e.Gone: {S: S, G: G, P: S, B: G, F: F},
    e.Expired: {S: S, G: P, R: R, P: P, B: B, F: F},
    **{
        fact: {state: state for state in State}
        for fact in (
            e.ExtendTimeout,
            e.Waiting,
            e.PortReported,
            e.Progress,
            e.Listener,
            e.Unready,
            e.Providers,
            e.Exposed,
            e.MemoryExceeded,
        )
    },
}


@pytest.mark.parametrize("event", ALL_EVENTS)
def test_the_event_in_every_state(event: type) -> None:
    for state in State:
        story = Story()
        story.reach(state)
        expected = EXPECTED[event].get(state)
        if expected is None:
            before = (story.life.wants_up, story.life.run, story.life.occupied)
            with pytest.raises(LookupError):
                story.send(sample(event, story.run))
            assert (story.state, (story.life.wants_up, story.life.run, story.life.occupied)) == (state, before)
        else:
            story.send(sample(event, story.run))
            assert story.state is expected, state


def test_the_table_holds_no_pair_that_is_not_expected() -> None:
    assert set(TABLE) == {(state, event) for event, row in EXPECTED.items() for state in row}


FACTS = [event for event in ALL_EVENTS if "run" in event.__struct_fields__]


@pytest.mark.parametrize("event", FACTS)
def test_facts_about_an_old_run_are_dropped_in_every_state(event: type) -> None:
    for state in State:
        story = Story()
        story.reach(state)
        stale = sample(event, story.run - 1)
        assert story.send(stale) == []
        assert story.state is state


def test_a_start_is_answered_when_ready_and_not_before() -> None:
    story = Story()
    assert not any(isinstance(action, a.AnswerUp) for action in story.send(e.Start()) + story.send(e.Launched(1)))
    assert a.AnswerUp(Outcome.DONE) in story.send(e.Ready(1))


def test_a_start_that_asks_for_time_gets_at_least_that_and_never_less() -> None:
    story = Story()
    story.send(e.Start())
    begun = story.timers[Timer.STARTUP]
    assert story.send(e.ExtendTimeout(1, 1.0)) == []
    story.now += 59
    story.send(e.ExtendTimeout(1, 30.0))
    assert story.timers[Timer.STARTUP] == begun - 1 + 30
    story.send(e.ExtendTimeout(1, 1e12))
    assert story.timers[Timer.STARTUP] == story.now + MAX_EXTENSION


def test_a_stop_that_asks_for_time_gets_it_but_not_from_an_ending_sidecar() -> None:
    story = Story()
    story.up()
    story.send(e.Stop())
    story.expire(Timer.LADDER)  # the interrupt
    story.send(e.ExtendTimeout(1, 100.0))
    assert story.timers[Timer.LADDER] == story.now + 100
    story.send(e.Shutdown())
    capped = story.timers[Timer.LADDER]
    story.send(e.ExtendTimeout(1, 100.0))
    assert story.timers[Timer.LADDER] == capped < story.now + 27


def test_twenty_restarts_make_one_new_run() -> None:
    story = Story()
    story.up()
    for _ in range(20):
        story.send(e.Restart())
    story.send(e.Gone(1))
    story.send(e.Ready(2))
    assert sum(isinstance(action, a.Launch) for action in story.log) == 2


def test_a_stop_during_a_restart_cancels_it() -> None:
    story = Story()
    story.up()
    story.send(e.Restart())
    assert a.AnswerUp(Outcome.CANCELLED) in story.send(e.Stop())
    assert a.AnswerDown(Outcome.DONE) in story.send(e.Gone(1))
    assert story.state is State.STOPPED


def test_a_stop_in_backoff_cancels_the_pending_restart() -> None:
    story = Story()
    story.up()
    story.crash()
    story.send(e.Ready(2))
    story.crash()
    assert story.state is State.BACKOFF
    assert a.AnswerDown(Outcome.DONE) in story.send(e.Stop())
    assert (story.state, story.timers) == (State.STOPPED, {})


def test_a_crash_every_15_seconds_ends() -> None:
    story = Story()
    story.up()
    crashes = 0
    while story.state is not State.FAILED:
        story.now += 15
        story.crash()
        crashes += 1
        assert crashes < 10
        if Timer.BACKOFF in story.timers:
            story.expire(Timer.BACKOFF)
        if story.state is State.STARTING:
            story.send(e.Ready(story.run))
    assert crashes == 4


def test_starts_that_never_become_ready_end() -> None:
    story = Story()
    story.send(e.Start())
    timeouts = 0
    while story.state is not State.FAILED:
        assert a.AnswerUp(Outcome.STARTUP_TIMEOUT) in story.expire(Timer.STARTUP)
        story.send(e.Gone(story.run))
        timeouts += 1
        assert timeouts < 10
        if Timer.BACKOFF in story.timers:
            story.expire(Timer.BACKOFF)
    assert timeouts == 4


def test_ten_healthy_minutes_forgive_a_failure_and_unhealthy_ones_do_not() -> None:
    story = Story()
    story.up()
    story.crash()
    story.send(e.Ready(2))
    story.send(e.Health(2, healthy=False))
    story.now += 10_000
    assert next(action for action in story.crash() if isinstance(action, a.ReportFailure)).attempt == 2
    story.expire(Timer.BACKOFF)
    story.send(e.Ready(3))
    story.now += 600
    assert next(action for action in story.crash() if isinstance(action, a.ReportFailure)).attempt == 1


def test_a_manual_start_clears_the_budget_and_an_automatic_one_does_not() -> None:
    for reason, attempt in ((Reason.REQUESTED, 1), (Reason.AUTOSTART, 2)):
        story = Story()
        story.up()
        story.crash()
        story.send(e.Ready(2))
        story.send(e.Stop())
        story.send(e.Gone(2))
        story.send(e.Start(reason))
        story.send(e.Ready(3))
        assert next(action for action in story.crash() if isinstance(action, a.ReportFailure)).attempt == attempt


def test_a_clean_exit_is_a_crash_unless_the_settings_say_otherwise() -> None:
    story = Story()
    story.up()
    story.crash(CLEAN)
    assert story.state is State.STARTING
    story = Story(restart=structs.replace(POLICY.restart, on_clean_exit=False))
    story.up()
    story.crash(CLEAN)
    assert story.state is State.STOPPED
    story.send(e.Start())
    story.crash(CLEAN)
    assert story.state is State.STOPPED


def test_a_lost_port_is_retried_and_not_charged() -> None:
    story = Story()
    story.send(e.Start())
    actions = story.send(e.Gone(1, conflict=Conflict.IN_USE))
    assert a.Announce(State.STARTING, State.STARTING, Reason.PORT_RETRY) in actions
    assert (story.run, story.life.budget.spent(0)) == (2, 0)


def test_a_stranger_on_a_chosen_port_means_another_port_and_on_a_fixed_one_a_failure() -> None:
    story = Story()
    story.send(e.Start())
    story.send(e.Foreign(1))
    assert a.TakeRung(1, Rung.REQUEST) not in story.log
    story.send(e.Gone(1))
    assert (story.state, story.run) == (State.STARTING, 2)
    fixed = Story(port_attempts=1)
    fixed.send(e.Start())
    assert a.AnswerUp(Outcome.FOREIGN) in fixed.send(e.Foreign(1))
    fixed.send(e.Gone(1))
    assert fixed.life.budget.spent(0) == 1


def test_a_start_tries_five_ports_and_the_next_start_five_more() -> None:
    story = Story()
    for start in range(2):
        story.send(e.Start())
        for _ in range(4):
            assert a.Prepare(story.run + 1, retry=True) in story.send(e.Gone(story.run, conflict=Conflict.IN_USE))
        assert story.life.budget.spent(0) == 0
        story.send(e.Gone(story.run, conflict=Conflict.IN_USE))
        assert (story.life.budget.spent(0), story.run) == (1, 6 * start + 6)  # charged; the first restart has no delay
        story.send(e.Stop())
        story.send(e.Gone(story.run))


def test_a_backend_over_its_memory_is_killed_wherever_it_runs() -> None:
    for state in State:
        story = Story()
        story.reach(state)
        kills = a.TakeRung(story.run, Rung.KILL) in story.send(e.MemoryExceeded(story.run, 1))
        assert kills is (state in {State.STARTING, State.RUNNING, State.STOPPING})


def test_silence_ends_the_watch_over_an_unmanaged_backend() -> None:
    story = Story(over_when_hung=True)
    story.up()
    assert story.send(e.Hung(1)) == [a.TakeRung(1, Rung.KILL)]


def test_a_restart_joins_a_young_start_and_replaces_one_that_hangs() -> None:
    story = Story(timeouts=structs.replace(POLICY.timeouts, restart_hanging=10))
    story.send(e.Start())
    story.now += 9
    assert story.send(e.Restart()) == []
    story.now += 1
    assert a.TakeRung(1, Rung.INTERRUPT, 10) in story.send(e.Restart())
    story.send(e.Gone(1))
    assert (story.state, story.run) == (State.STARTING, 2)


def test_a_second_request_replaces_a_start_and_several_at_once_are_one() -> None:
    story = Story(timeouts=structs.replace(POLICY.timeouts, restart_hanging=1000))
    story.send(e.Start())
    for _ in range(20):
        assert story.send(e.Restart()) == []
    story.now += 0.5
    assert a.TakeRung(1, Rung.INTERRUPT, 10) in story.send(e.Restart())
    story.send(e.Gone(1))
    assert story.send(e.Restart()) == []  # the new start is young again
    assert story.run == 2


def test_another_port_of_a_running_backend_is_announced() -> None:
    story = Story()
    story.up()
    assert story.send(e.PortReported(1, 6)) == [a.Announce(State.RUNNING, State.RUNNING, Reason.PORT_CHANGED)]


def test_facts_for_subscribers_are_passed_on_while_they_are_true() -> None:
    progress, providers = e.Progress(1, "waiting", 1.0, "x"), e.Providers(1, {"a": 1})
    story = Story()
    story.send(e.Start())
    assert story.send(progress) == [a.Relay(progress)]
    assert story.send(providers) == []
    story.send(e.Ready(1))
    assert story.send(progress) == []
    assert story.send(providers) == [a.Relay(providers)]
    assert story.send(e.Health(1, healthy=False, error="x")) == [a.Relay(e.Health(1, healthy=False, error="x"))]
    assert story.send(e.Providers(0, {})) == []


def test_a_process_that_comes_to_be_during_a_stop_gets_the_signal() -> None:
    story = Story()
    story.send(e.Start())
    story.send(e.Stop())
    assert story.send(e.Launched(1)) == [a.TakeRung(1, Rung.INTERRUPT, 10)]
    story.expire(Timer.LADDER)
    assert story.send(e.Launched(1)) == [a.TakeRung(1, Rung.KILL)]


def launch_outlives_its_stop() -> Story:
    story = Story()
    story.send(e.Start())
    story.send(e.Stop())
    while Timer.LADDER in story.timers:
        story.expire(Timer.LADDER)
    assert (story.state, story.life.occupied) == (State.FAILED, True)
    return story


def test_a_process_that_comes_to_be_after_its_stop_was_given_up_is_killed() -> None:
    story = launch_outlives_its_stop()
    story.send(e.Start())
    assert story.send(e.Launched(1)) == [a.TakeRung(1, Rung.KILL)]
    actions = story.send(e.Gone(1))
    assert a.Launch(2) in actions
    assert story.state is State.STARTING


def test_a_launch_that_fails_after_its_stop_was_given_up_frees_the_place() -> None:
    story = launch_outlives_its_stop()
    assert story.send(e.LaunchFailed(1, PortInUseError("x"), permanent=False)) == []
    assert not story.life.occupied
    assert a.Launch(2) in story.send(e.Start())


def test_survivors_fail_the_stop_and_every_caller_is_notified() -> None:
    story = Story()
    story.up()
    story.send(e.Restart())
    actions = story.send(e.Gone(1, survivors=2))
    assert a.AnswerUp(Outcome.STOP_FAILED) in actions
    assert a.AnswerDown(Outcome.STOP_FAILED) in actions
    assert story.state is State.FAILED


@pytest.mark.parametrize("force_kill", [5, 5e-324])  # the smallest that is above 0, which a sum with the time loses
def test_a_stop_without_time_for_an_end_is_a_kill_which_goes_out_before_the_announcement(force_kill: float) -> None:
    story = Story(timeouts=structs.replace(POLICY.timeouts, graceful_shutdown=0, force_kill=force_kill))
    story.send(e.Start())
    actions = story.send(e.Stop())
    announcement = a.Announce(State.STOPPING, State.STARTING, Reason.REQUESTED)
    relevant = [action for action in actions if isinstance(action, a.TakeRung | a.Announce)]
    assert relevant == [a.TakeRung(1, Rung.KILL), announcement]
    assert Timer.LADDER in story.timers
    story.expire(Timer.LADDER)
    assert story.state is State.FAILED


def test_a_lost_owner_asks_and_interrupts_at_once_and_kills_after_1_5_seconds() -> None:
    story = Story()
    story.up()
    actions = story.send(e.Shutdown(owner_lost=True))
    assert [action for action in actions if isinstance(action, a.TakeRung)] == [
        a.TakeRung(1, Rung.REQUEST),
        a.TakeRung(1, Rung.INTERRUPT, 1.5),
    ]
    assert a.TakeRung(1, Rung.KILL) in story.expire(Timer.LADDER)
    assert story.now == 1001.5
    assert a.Finish(clean=True) in story.send(e.Gone(1))


def test_a_lost_owner_cuts_a_stop_that_is_under_way() -> None:
    story = Story()
    story.up()
    story.send(e.Stop())
    story.now += 1
    assert a.TakeRung(1, Rung.INTERRUPT, 1.5) in story.send(e.Shutdown(owner_lost=True))
    assert a.TakeRung(1, Rung.KILL) in story.expire(Timer.LADDER)
    assert story.now == 1002.5


def test_an_asked_shutdown_keeps_its_total() -> None:
    story = Story(timeouts=structs.replace(POLICY.timeouts, graceful_shutdown=100))
    story.up()
    story.send(e.Shutdown())
    while Timer.LADDER in story.timers:
        story.expire(Timer.LADDER)
    assert story.now <= 1000 + 27
    assert story.log[-1] == a.Finish(clean=False)


def test_a_shutdown_in_backoff_waits_for_the_tree_and_starts_nothing() -> None:
    story = Story()
    story.up()
    story.send(e.Exited(1, CRASH))
    story.send(e.Shutdown())
    actions = story.send(e.Gone(1))
    assert a.Finish(clean=True) in actions
    assert not any(isinstance(action, a.Launch) for action in actions)


def test_a_hung_run_is_restarted_only_where_asked_for_and_is_charged() -> None:
    story = Story(restart_when_hung=True)
    story.up()
    story.send(e.Hung(1))
    assert story.state is State.STOPPING
    actions = story.send(e.Gone(1))
    assert a.ReportFailure(1, Reason.HUNG, 1, 0, final=False) in actions
    assert story.state is State.STARTING
