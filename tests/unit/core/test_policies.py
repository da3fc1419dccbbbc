from __future__ import annotations

import pytest

from sidecar.core.exit_status import UNKNOWN, ExitStatus, from_wait_status, from_windows
from sidecar.core.health import Answer, HealthTracker
from sidecar.core.restart import HealthyTime, RestartBudget
from sidecar.core.stop import Rung, stop_ladder
from sidecar.settings.model import Restart, Timeouts

TIMES = Timeouts(shutdown_request=2, graceful_shutdown=10, force_kill=5, total_shutdown=27, owner_lost=1.5)


def tracker(successes: int = 1) -> HealthTracker:
    return HealthTracker(interval=1, failures=3, successes=successes)


def test_an_open_stdin_ends_first_and_has_the_time_of_the_shutdown_request() -> None:
    ladder, due = stop_ladder(0, TIMES, can_request=False, has_stdin=True).take(0)
    assert due == (Rung.CLOSE_STDIN,)
    assert ladder.steps == ((2, Rung.INTERRUPT), (12, Rung.KILL), (17, Rung.GIVE_UP))
    both = stop_ladder(0, TIMES, can_request=True, has_stdin=True)
    assert both.take(0)[1] == (Rung.CLOSE_STDIN, Rung.REQUEST)
    assert [rung for at, rung in both.at_once(0).steps if at == 0] == [Rung.CLOSE_STDIN, Rung.REQUEST, Rung.INTERRUPT]


def test_backoff_grows_by_its_factor_and_jitter_adds_its_fraction() -> None:
    budget = RestartBudget(Restart(attempts=4, window=600, first_delay=1, backoff=2, jitter=0.5), delay=5)
    assert [budget.failed(0, chance).delay for chance in (0, 0, 1, 0)] == [1, 5, 15, 20]
    assert budget.failed(0, 0).delay is None


def test_a_delay_that_grows_ends_at_a_day_and_a_budget_of_a_million_restarts_can_be_used() -> None:
    growing = RestartBudget(Restart(attempts=1_000_000, window=600, backoff=2), delay=5, spent=2000)
    assert growing.failed(0, 0).delay == 86_400
    at_once = RestartBudget(Restart(attempts=1_000_000, window=600, backoff=100), delay=0, spent=2000)
    assert at_once.failed(0, 0).delay == 0


def test_failures_of_an_earlier_sidecar_count() -> None:
    budget = RestartBudget(Restart(attempts=3, window=600, first_delay=0, backoff=1, jitter=0), delay=5, spent=3)
    assert budget.failed(0, 0).delay is None


def test_healthy_time_counts_only_between_resume_and_pause_and_never_backwards() -> None:
    time = HealthyTime()
    time.resume(10)
    time.resume(15)
    time.pause(20)
    assert time.total(100) == 10
    time.resume(100)
    assert time.total(90) == 10


def test_the_ladder_without_an_endpoint_begins_with_the_interrupt() -> None:
    assert stop_ladder(0, TIMES, can_request=False).steps == ((0, Rung.INTERRUPT), (10, Rung.KILL), (15, Rung.GIVE_UP))


def test_a_useless_request_moves_every_later_rung_up() -> None:
    ladder, due = stop_ladder(0, TIMES, can_request=True).take(0)
    assert due == (Rung.REQUEST,)
    assert ladder.without_waiting(0.5).steps == ((0.5, Rung.INTERRUPT), (10.5, Rung.KILL), (15.5, Rung.GIVE_UP))
    after_interrupt, _ = ladder.take(2)
    assert after_interrupt.without_waiting(3) == after_interrupt


def test_an_extended_stop_puts_off_the_kill_and_what_follows_and_never_brings_them_forward() -> None:
    ladder, _ = stop_ladder(0, TIMES, can_request=True).take(0)
    longer = ladder.extended(5, 30)
    assert longer.steps == ((2, Rung.INTERRUPT), (35, Rung.KILL), (40, Rung.GIVE_UP))
    assert ladder.extended(5, 1) == ladder
    after_kill, _ = ladder.take(12)
    assert after_kill.extended(13, 30) == after_kill


def test_health_is_unknown_until_the_first_verdict_and_then_reports_changes_only() -> None:
    health = tracker()
    assert health.healthy is None
    assert [health.record(a) for a in (Answer.OK, Answer.OK, Answer.ERROR_STATUS, Answer.ERROR_STATUS, Answer.OK)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_silence_is_unhealthy_after_three_misses_in_a_row() -> None:
    health = tracker()
    assert [health.record(Answer.NONE) for _ in range(2)] == [False, False]
    health.record(Answer.OK)
    assert [health.record(Answer.NONE) for _ in range(3)] == [False, False, True]
    assert health.hung


def test_a_server_that_answers_errors_does_not_hang() -> None:
    health = tracker()
    for _ in range(10):
        health.record(Answer.ERROR_STATUS)
    assert not health.hung


def test_a_late_check_means_a_suspend_and_grants_a_fresh_window() -> None:
    for now, changes in ((12, True), (12.1, False)):
        health = tracker()
        health.record(Answer.OK)
        health.record(Answer.NONE)
        health.record(Answer.NONE)
        health.begin(now=now, planned=10)
        assert health.record(Answer.NONE) is changes
    health.suspended()
    assert [health.record(Answer.NONE) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (from_wait_status(9), "killed by SIGKILL (9)"),
        (from_wait_status(6 | 0x80), "killed by SIGABRT (6) (core dumped)"),
        (from_wait_status(3 << 8), "exit code 3"),
        (from_wait_status(127 << 8), "exit code 127: command not found"),
        (from_windows(-532462766), "exit code 0xE0434352: unhandled .NET exception"),
        (from_windows(-1073740286), "exit code 0xC0000602: the process failed fast (Environment.FailFast)"),
        (from_windows(0xDEADBEEF), "exit code 0xDEADBEEF"),
        (from_windows(-1), "exit code -1"),
        (from_windows(0xFFFFF026), "exit code -4058"),
        (from_windows(0xFFFE0000), "exit code 0xFFFE0000: ended by Ctrl+Break"),
        (from_windows(0x80070005), "exit code 0x80070005: Windows error 5"),
        (from_windows(-536870904), "exit code 0xE0000008: out of memory"),
        (ExitStatus(signal=99), "killed by signal 99"),
        (UNKNOWN, "ended, status unknown"),
    ],
)
@pytest.mark.posix(reason="the names of POSIX signals")
def test_exit_statuses_in_words(status: ExitStatus, text: str) -> None:
    assert status.text == text
