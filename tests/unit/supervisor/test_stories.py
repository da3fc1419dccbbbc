"""How the supervisor handles commands and events, over a fake process layer with a jumping clock."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from sidecar.core import events as e
from sidecar.core.exit_status import ExitStatus
from sidecar.errors import (
    BackendExitedError,
    BackendNotFoundError,
    CancelledRequestError,
    InternalError,
    NotRunningError,
    PortForeignError,
    PortInUseError,
    RestartsExhaustedError,
    SidecarError,
    StartupTimeoutError,
    StopFailedError,
)
from sidecar.log import log
from sidecar.process import oom_kills
from sidecar.process.base import ListeningSocket, Survivor
from sidecar.supervisor.answers import explain_by_output
from sidecar.supervisor.run import with_output
from sidecar.supervisor.stream import RunEnded, RunEnding, RunFailed, RunLaunching, RunStarted
from sidecar.wire.observe import StateChanged
from tests.support.backends import free_port
from tests.support.fake_process import TERMINATED, FakeProcess
from tests.support.stage import FakeFolder, FakeSidecar, Stage, failure, story

CRASH = ExitStatus(signal=6)


async def test_the_clock_jumps_only_in_a_story() -> None:
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - began >= 0.01


@story()
async def test_a_start_is_answered_when_the_run_answers(stage: Stage) -> None:
    stage.boots_in(2.0)
    started = await stage.supervisor.start()
    assert (started.port, started.pid) == (stage.client.port, 100)
    assert 2.0 <= stage.now < 2.1
    assert stage.moves == ["STARTING requested", "RUNNING ready"]
    assert [one.phase for one in stage.of(e.Progress)][-1] == "ready"
    assert stage.of(RunStarted)[0].run.pid == 100
    assert await stage.supervisor.start() == started


@pytest.mark.parametrize("seconds", [3.0, 50.0])
@story()
async def test_slow_is_not_dead(stage: Stage, seconds: float) -> None:
    stage.boots_in(seconds)
    await stage.supervisor.start()
    phases = [one.phase for one in stage.of(e.Progress)]
    assert phases[-1] == "ready"
    assert phases.count("waiting") >= seconds
    assert stage.of(RunFailed) == []


@pytest.mark.parametrize("restarts", [True, False])
@story(lambda restarts: {"restart__on_clean_exit": restarts}, restart__first_delay=0.0)
async def test_an_exit_with_code_0_is_a_crash_unless_the_settings_say_otherwise(stage: Stage, restarts: bool) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.exit(ExitStatus(code=0))
    await stage.pass_time(1)
    assert stage.moves[-1] == ("RUNNING ready" if restarts else "STOPPED exited")
    assert len(stage.of(RunFailed)) == restarts


@story()
async def test_callers_share_one_start_and_a_caller_that_gives_up_leaves_the_others(stage: Stage) -> None:
    stage.boots_in(1.0)
    calls = [asyncio.create_task(stage.supervisor.start()) for _ in range(3)]
    await asyncio.sleep(0.5)
    calls[1].cancel()
    first, _, third = await asyncio.gather(*calls, return_exceptions=True)
    assert first == third
    assert len(stage.layer.runs) == 1


@story()
async def test_the_kernels_counters_at_launch_and_exit_say_whether_memory_ran_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [(0, 5), (1, 6), (1, 6), (1, 6)]
    monkeypatch.setattr(oom_kills, "read", lambda: counts.pop(0))
    stage.boots_in(0.1)
    await stage.supervisor.start()
    for _ in range(2):
        stage.process.exit(ExitStatus(signal=9))
        await stage.pass_time(30)
    assert [failed.run.oom for failed in stage.of(RunFailed)] == [True, False]


@story(restart__attempts=3, restart__first_delay=0.0, timeouts__restart_delay=5.0, restart__backoff=1.0)
async def test_a_crash_is_restarted_after_the_delays_of_the_policy_and_then_given_up(stage: Stage) -> None:
    stage.boots_in(1.0)
    await stage.supervisor.start()
    times = []
    for _ in range(4):
        stage.process.exit(CRASH)
        times.append(stage.now)
        await stage.pass_time(30)
    starts = [at for at, state in stage.times if state == "STARTING"]
    assert [round(start - crash, 3) for start, crash in zip(starts[1:], times[:3], strict=False)] == [0.0, 5.0, 5.0]
    assert stage.state == "FAILED"
    last = stage.of(RunFailed)[-1].failure
    assert (last.attempt, last.final, last.next_start_in) == (3, True, None)
    assert stage.supervisor.last_exit.signal == 6
    with pytest.raises(RestartsExhaustedError):
        await stage.supervisor.wait_for_ready(None)
    await stage.supervisor.start()  # a request of the user's clears the budget
    stage.process.exit(CRASH)
    await stage.pass_time(0.1)
    assert stage.of(RunFailed)[-1].failure.attempt == 1


@pytest.mark.parametrize(("may_hold", "described_at"), [(True, 2), (False, 1)])
@story(restart__first_delay=0.0)
async def test_the_next_run_is_launched_before_the_crash_is_described_and_all_is_published_in_its_order(
    stage: Stage, may_hold: bool, described_at: int
) -> None:
    stage.boots_in(0.1)
    stage.supervisor.stream.may_hold = may_hold
    launches: list[tuple[str, int]] = []

    def note(notice: Any) -> None:
        launches.append((type(notice).__name__, stage.layer.requested))

    for kind in (StateChanged, RunEnded, RunFailed, RunLaunching, RunStarted):
        stage.supervisor.stream.subscribe(kind, note)
    await stage.supervisor.start()
    assert launches[:2] == [("StateChanged", 0), ("RunLaunching", 0)]
    launches.clear()
    stage.process.print("last words")
    stage.process.exit(CRASH)
    await stage.reach("RUNNING")
    assert launches == [
        ("RunEnded", described_at),
        ("StateChanged", described_at),  # BACKOFF
        ("RunFailed", described_at),
        ("StateChanged", described_at),  # STARTING
        ("RunLaunching", described_at),
        ("RunStarted", 2),
        ("StateChanged", 2),  # RUNNING
    ]
    assert stage.moves[-3:] == ["BACKOFF crashed", "STARTING crashed", "RUNNING ready"]


@story(spent=3, restart__attempts=3)
async def test_failures_of_an_earlier_sidecar_count(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start(e.Reason.AUTOSTART)
    stage.process.exit(CRASH)
    await stage.pass_time(60)
    assert stage.state == "FAILED"


@story(restart__attempts=1, restart__window=600.0, backend__live_path="/live")
async def test_good_health_forgives_a_failure(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    for _ in range(5):
        await stage.pass_time(700)
        stage.process.exit(CRASH)
        await stage.pass_time(10)
    assert stage.state == "RUNNING"
    assert {one.failure.attempt for one in stage.of(RunFailed)} == {1}


@story(restart__first_delay=0.0)
async def test_the_next_run_waits_until_the_old_tree_is_gone(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.exit(CRASH, gone_after=3.0)
    await stage.pass_time(2.9)
    assert (stage.state, len(stage.layer.runs)) == ("BACKOFF", 1)
    await stage.pass_time(1.0)
    assert (stage.state, len(stage.layer.runs)) == ("RUNNING", 2)


@story(backend__shutdown_path="/shutdown", timeouts__shutdown_request=2.0, timeouts__graceful_shutdown=10.0)
async def test_a_stop_climbs_the_ladder(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.on_interrupt = None
    began = stage.now
    assert [process.pid for process in await stage.supervisor.stop()] == [stage.process.identity.pid]
    assert stage.client.asked[-1] == "/shutdown"
    assert stage.process.signals == ["begin_stop", "interrupt", "kill"]
    assert (
        stage.reports[-1] == f"these processes did not end in time and were killed: fake ({stage.process.identity.pid})"
    )
    assert round(stage.now - began, 3) == 2.0 + 10.0
    assert stage.moves[-2:] == ["STOPPING requested", "STOPPED requested"]
    assert [type(one) for one in stage.seen if isinstance(one, RunEnding | RunEnded)] == [RunEnding, RunEnded]


@story(timeouts__graceful_shutdown=10.0, timeouts__force_kill=100.0)
async def test_a_stop_waits_for_what_the_root_leaves_and_kills_it_only_when_the_time_is_over(stage: Stage) -> None:
    for saving, killed in ((7.0, False), (70.0, True)):
        stage.boots_in(0.1)
        await stage.supervisor.start()
        process, began = stage.process, stage.now
        process.on_interrupt = None
        asyncio.get_running_loop().call_later(0.5, partial(process.exit, TERMINATED, gone_after=saving))
        forced = await stage.supervisor.stop()
        assert forced == ()
        assert ("kill" in process.signals) == killed
        assert round(stage.now - began, 3) == 0.5 + saving


@story(backend__shutdown_path="/shutdown")
async def test_a_refused_shutdown_request_is_not_waited_for(stage: Stage) -> None:
    def refuse(_path: str) -> None:
        raise failure("Request failed with status code 404", "status", 404)

    stage.client.on_post = refuse
    stage.boots_in(0.1)
    await stage.supervisor.start()
    began = stage.now
    await stage.supervisor.stop()
    assert stage.process.signals == ["begin_stop", "not_asked", "interrupt"]
    assert stage.now - began < 0.1
    assert any("rejected the shutdown request" in report for report in stage.reports)


@pytest.mark.parametrize("kind", ["timeout", "hang_up"])
@story(backend__shutdown_path="/shutdown")
async def test_a_shutdown_request_without_an_answer_may_have_been_taken(stage: Stage, kind: Any) -> None:
    def fail(_path: str) -> None:
        raise failure("no answer", kind)

    stage.client.on_post = fail
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.supervisor.stop()
    assert "not_asked" not in stage.process.signals
    assert any("did not answer the shutdown request" in report for report in stage.reports)


@story()
async def test_what_would_not_die_is_named_and_stays_the_answer(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.on_interrupt, stage.process.immortal = None, True
    with pytest.raises(StopFailedError, match=r"program-100 \(pid 100\)") as raised:
        await stage.supervisor.stop()
    assert raised.value.data == {"survivors": [{"pid": 100, "name": "program-100"}]}
    assert stage.state == "FAILED"
    with pytest.raises(StopFailedError):
        await stage.supervisor.wait_for_ready(None)


@story()
async def test_reported_survivors_are_not_looked_for_again(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stop = asyncio.create_task(stage.supervisor.stop())
    await asyncio.sleep(0)
    stage.supervisor.hear_exit(1, CRASH)
    stage.supervisor.hear_gone(1, [Survivor(1, "init")])
    with pytest.raises(StopFailedError) as raised:
        await stop
    assert raised.value.data == {"survivors": [{"pid": 1, "name": "init"}]}


@story()
async def test_a_restart_waits_for_the_old_run_and_answers_with_the_new_one(stage: Stage) -> None:
    stage.boots_in(0.5)
    await stage.supervisor.start()
    stage.process.on_interrupt = 1.0
    started = await stage.supervisor.restart()
    assert (started.pid, started.port) == (101, stage.client.port)
    assert stage.moves[2:] == ["STOPPING requested", "STARTING requested", "RUNNING ready"]


@story(restart__first_delay=30.0)
async def test_a_restart_does_not_wait_for_the_backoff(stage: Stage) -> None:
    stage.boots_in(0.5)
    await stage.supervisor.start()
    stage.process.exit(CRASH)
    assert await stage.reach("BACKOFF") < 1.0
    await stage.supervisor.restart()
    assert stage.now < 2.0


@story()
async def test_a_start_during_a_stop_waits_for_its_end(stage: Stage) -> None:
    stage.boots_in(0.5)
    first = await stage.supervisor.start()
    stage.process.on_interrupt = 3.0
    stop = asyncio.create_task(stage.supervisor.stop())
    await stage.reach("STOPPING")
    second = await stage.supervisor.start()
    assert stop.done()
    assert second.pid != first.pid
    assert 4.0 <= stage.now < 4.2


@story(restart__first_delay=5.0)
async def test_a_stop_cancels_a_start_under_way_and_a_pending_restart(stage: Stage) -> None:
    await stage.supervisor.stop()  # nothing runs: that is what was asked for
    supervisor = stage.supervisor
    calls = [asyncio.create_task(one) for one in (supervisor.start(), supervisor.restart())]
    await stage.pass_time(1)
    calls.append(asyncio.create_task(supervisor.wait_for_ready(None)))
    await stage.pass_time(0.1)
    await stage.supervisor.stop()
    for call in calls:
        with pytest.raises(CancelledRequestError):
            await call
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.exit(CRASH)
    await stage.pass_time(1)
    assert stage.state == "BACKOFF"
    waiting = asyncio.create_task(stage.supervisor.wait_for_ready(None))
    await asyncio.sleep(0)
    await stage.supervisor.stop()
    with pytest.raises(CancelledRequestError):
        await waiting
    await stage.pass_time(100)
    assert (stage.state, len(stage.layer.runs)) == ("STOPPED", 2)


@story()
async def test_a_stop_during_the_launch_ends_what_comes_of_it(stage: Stage) -> None:
    stage.layer.launch_takes = 3.0
    starting = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(1)
    stop = asyncio.create_task(stage.supervisor.stop())
    await asyncio.gather(stop, starting, return_exceptions=True)
    assert stage.process.signals == ["interrupt"]
    assert stage.state == "STOPPED"


@story(timeouts__startup=20.0)
async def test_a_start_that_takes_too_long_is_stopped_and_explained(stage: Stage) -> None:
    def listens_elsewhere(process: FakeProcess) -> None:
        process.print("waiting for the database, key s3cret\n")
        process.listen(80)

    stage.layer.script = listens_elsewhere
    with pytest.raises(StartupTimeoutError, match=r"listens on 127\.0\.0\.1:80 instead of its port") as raised:
        await stage.supervisor.start()
    assert raised.value.data == {"timeout": 20.0, "output": "waiting for the database, key ***\n"}
    assert stage.now == 20.0
    await stage.pass_time(0.1)
    assert stage.of(RunFailed)[0].failure.reason == "startup_timeout"
    await stage.pass_time(200)
    assert stage.state == "FAILED"
    assert [one.failure.attempt for one in stage.of(RunFailed)] == [1, 2, 3, 3]


@story(restart__attempts=0, timeouts__startup=5.0, timeouts__graceful_shutdown=10.0)
async def test_who_waits_during_the_stop_of_the_last_attempt_is_answered(stage: Stage) -> None:
    stage.layer.script = lambda process: setattr(process, "on_interrupt", None)
    starting = asyncio.create_task(stage.supervisor.start())
    await stage.reach("STOPPING")
    with pytest.raises(RestartsExhaustedError):
        await stage.supervisor.wait_for_ready(None)
    assert stage.state == "FAILED"
    with pytest.raises(StartupTimeoutError):
        await starting


@story(restart__attempts=0, health__restart_when_hung=True)
async def test_a_stop_for_a_hang_is_not_taken_for_a_signal_from_outside(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.supervisor.post(e.Hung(1))
    await stage.reach("FAILED")
    with pytest.raises(RestartsExhaustedError, match="it hung"):
        await stage.supervisor.wait_for_ready(None)


@story(restart__attempts=1)
async def test_an_exit_before_ready_is_an_error_with_the_last_output(stage: Stage) -> None:
    def fail(process: FakeProcess) -> None:
        process.print("x" * 100_000 + "no such table")
        process.exit(ExitStatus(code=3), gone_after=0.2)

    stage.layer.script = fail
    with pytest.raises(BackendExitedError) as raised:
        await stage.supervisor.start()
    assert raised.value.data["code"] == 3
    assert raised.value.data["output"].endswith("no such table")
    assert len(raised.value.data["output"]) <= 8192


TRACEBACK = (
    'Traceback (most recent call last):\n  File "/app/i18n.py", line 3, in setup\nAttributeError: no such domain\n'
)


@pytest.mark.parametrize(("later", "kind"), [("", "killed"), ("GET /\n", "killed"), (TRACEBACK, "exception")])
@story()
async def test_an_error_that_the_run_survived_until_it_was_ready_does_not_explain_its_kill(
    stage: Stage, later: str, kind: str
) -> None:
    def boot(process: FakeProcess) -> None:
        process.print(TRACEBACK * 2)
        process.listen()

    stage.layer.script = boot
    await stage.supervisor.start()
    stage.process.print(later)
    run = structs.replace(stage.supervisor.run, status=ExitStatus(signal=9))
    run = with_output(run, stage.launcher.last_output)
    assert explain_by_output(run).kind == kind


@story()
async def test_what_explains_an_end_has_no_colours(stage: Stage) -> None:
    stage.printed = b"\x1b[0m\x1b[1m\x1b[31merror\x1b[0m: \x1b[1mno such\x1b[0m table s3\x1b[1mcret\n"
    assert stage.launcher.last_output() == "error: no such table ***\n"


@story()
async def test_a_missing_program_fails_at_once_and_for_good(stage: Stage) -> None:
    stage.layer.errors = [BackendNotFoundError("no such file")]
    with pytest.raises(BackendNotFoundError):
        await stage.supervisor.start()
    assert stage.moves == ["STARTING requested", "FAILED crashed"]
    with pytest.raises(BackendNotFoundError):
        await stage.supervisor.wait_for_ready(None)


@story(restart__attempts=1)
async def test_a_defect_of_a_launch_ends_in_an_answer(stage: Stage) -> None:
    broken: Any = ValueError("a defect")
    stage.layer.errors = [broken]
    with pytest.raises(InternalError, match="a defect"):
        await stage.supervisor.start()
    assert any("defect" in report for report in stage.reports)


@story()
async def test_a_lost_port_means_another_port_and_no_charge(stage: Stage) -> None:
    ports: list[int] = []

    def lose(process: FakeProcess) -> None:
        ports.append(int(process.spec.command[-1]))
        if len(ports) < 3:
            process.print(f"bind: address already in use 127.0.0.1:{ports[-1]}\n")
            process.exit(ExitStatus(code=1))
        else:
            process.listen()

    stage.layer.script = lose
    started = await stage.supervisor.start()
    assert len(set(ports)) == 3
    assert started.port == ports[-1]
    assert stage.moves == ["STARTING requested", "STARTING port_retry", "STARTING port_retry", "RUNNING ready"]
    assert stage.of(RunFailed) == []


@story(backend__port=45_671, backend__live_path="/live", restart__attempts=1)
async def test_a_stranger_on_a_fixed_port_is_named(stage: Stage) -> None:
    stage.layer.strangers = [ListeningSocket("127.0.0.1", stage.settings.backend.port, 77)]  # type: ignore[arg-type]
    with pytest.raises(PortForeignError, match=r"program-77 \(pid 77\)") as raised:
        await stage.supervisor.start()
    assert raised.value.data == {"port": 45_671, "owner": {"pid": 77, "name": "program-77"}}
    assert stage.client.asked == []  # nothing was sent to the stranger


@story(backend__port=45_671, restart__attempts=1)
async def test_a_fixed_port_that_is_taken_is_not_even_tried(stage: Stage) -> None:
    stage.port_state = lambda _port, _plain: "in_use"
    stage.layer.strangers = [ListeningSocket("127.0.0.1", 45_671, 77)]
    with pytest.raises(PortInUseError, match=r"in use by program-77 \(pid 77\)"):
        await stage.supervisor.start()
    assert stage.layer.runs == []


@story(backend__port=45_671, timeouts__startup=5.0)
async def test_connections_that_linger_on_a_fixed_port_are_waited_out(stage: Stage) -> None:
    stage.boots_in(3.0)
    stage.port_state = lambda _port, _plain: "lingering" if stage.now < 50.0 else "free"
    await stage.supervisor.start()  # the time of the start begins when the port is free
    assert 53.0 <= stage.now < 53.5
    assert len(stage.layer.runs) == 1
    assert stage.of(RunFailed) == []
    assert any("to close on port 45671" in one.message for one in stage.of(e.Progress))


@story(backend__port=45_671, restart__attempts=0)
async def test_a_wait_for_connections_that_linger_ends(stage: Stage) -> None:
    stage.port_state = lambda _port, _plain: "lingering"
    with pytest.raises(PortInUseError, match="Connections of an earlier program are still closing on port 45671"):
        await stage.supervisor.start()
    assert 75.0 <= stage.now < 76.0
    assert stage.layer.runs == []


@story(backend__port=45_671)
async def test_a_wait_for_connections_that_linger_can_be_stopped(stage: Stage) -> None:
    stage.port_state = lambda _port, _plain: "lingering"
    start = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(10.0)
    await stage.supervisor.stop()
    assert stage.now < 10.5
    with pytest.raises(CancelledRequestError):
        await start
    assert (stage.state, stage.layer.runs) == ("STOPPED", [])


@story(backend__port=45_671)
async def test_a_backend_that_cannot_listen_beside_them_is_started_again_when_they_are_gone(stage: Stage) -> None:
    def fail_to_bind(process: FakeProcess) -> None:
        if stage.now < 40.0:
            process.print("OSError: [Errno 98] Address already in use")
            process.exit(ExitStatus(code=1))
        else:
            process.listen()

    stage.layer.script = fail_to_bind
    stage.port_state = lambda _port, plain: "lingering" if plain and stage.now < 40.0 else "free"
    await stage.supervisor.start()
    assert 40.0 <= stage.now < 41.0
    assert len(stage.layer.runs) == 2
    assert stage.of(RunFailed) == []  # nothing is charged to the budget
    assert stage.supervisor.run.port == 45_671


@story(restart__attempts=0)
async def test_a_port_that_is_free_everywhere_is_not_why_the_backend_could_not_listen(stage: Stage) -> None:
    def fail_to_bind(process: FakeProcess) -> None:
        process.print("Address already in use\nPort 8777 is in use by another program.\n")
        process.exit(ExitStatus(code=1))

    stage.layer.script = fail_to_bind
    with pytest.raises(BackendExitedError, match=r"port 8777, which another program uses, instead of its port"):
        await stage.supervisor.start()
    assert len(stage.layer.runs) == 1  # another port would not help


@story(backend__port=45_671, restart__attempts=0)
async def test_a_port_that_is_taken_on_ipv6_alone_is_why_a_server_on_all_addresses_could_not_listen(
    stage: Stage,
) -> None:
    def fail_to_bind(process: FakeProcess) -> None:
        process.print("OSError: [Errno 98] Address already in use\n")
        process.exit(ExitStatus(code=1))

    stage.taken.add("::")
    stage.layer.script = fail_to_bind
    with pytest.raises(PortInUseError, match="Port 45671 is in use"):
        await stage.supervisor.start()


@story(backend__port=45_671, restart__attempts=0)
async def test_what_lingers_is_not_a_reason_for_a_crash_that_says_another(stage: Stage) -> None:
    stage.layer.script = lambda process: process.exit(CRASH)
    stage.port_state = lambda _port, _plain: "lingering" if stage.layer.runs else "free"
    with pytest.raises(BackendExitedError):
        await stage.supervisor.start()


@story(backend__port="reported")
async def test_a_reported_port_is_read_from_the_output(stage: Stage) -> None:
    def report(process: FakeProcess) -> None:
        process.print("Now listening on: http://127.0.0.1:50")
        process.listen(50_123)
        asyncio.get_running_loop().call_later(1.0, process.print, "123\n")

    stage.layer.script = report
    started = await stage.supervisor.start()
    assert (started.port, stage.client.port, stage.supervisor.last_port) == (50_123, 50_123, 50_123)


@story(restart__first_delay=5.0)
async def test_a_backend_over_its_memory_is_killed_and_counted_as_crashed(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.supervisor.post(e.MemoryExceeded(1, 5_000))
    await stage.reach("BACKOFF")
    await stage.pass_time(0.1)
    assert stage.layer.runs[0].signals == ["kill"]
    assert stage.of(RunFailed)[0].run.over_memory == 5_000


@story()
async def test_waiting_for_a_backend_that_is_not_coming_is_refused_at_once(stage: Stage) -> None:
    with pytest.raises(NotRunningError):
        await stage.supervisor.wait_for_ready(None)
    starting = asyncio.create_task(stage.supervisor.start())
    await asyncio.sleep(0)
    with pytest.raises(StartupTimeoutError, match="not ready within 3 s"):
        await stage.supervisor.wait_for_ready(3.0)
    assert stage.now == 3.0
    stage.process.listen()
    await starting
    assert len(stage.layer.runs) == 1


@pytest.mark.parametrize(("owner_lost", "seconds"), [(False, 10.0), (True, 1.5)])
@story(timeouts__graceful_shutdown=10.0, timeouts__owner_lost=1.5)
async def test_the_end_of_the_sidecar_stops_the_backend_in_its_time(
    stage: Stage, owner_lost: bool, seconds: float
) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.on_interrupt = None
    began = stage.now
    stage.supervisor.post(e.Shutdown(owner_lost))
    assert await stage.supervisor.finished
    assert round(stage.now - began, 3) == seconds
    assert stage.moves[-1] == "STOPPED shutdown"


@story()
async def test_an_end_at_rest_is_finished_at_once(stage: Stage) -> None:
    stage.supervisor.post(e.Shutdown())
    assert await stage.supervisor.finished
    assert stage.now == 0.0


@story()
async def test_an_end_with_survivors_is_not_clean(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.on_interrupt, stage.process.immortal = None, True
    stage.supervisor.post(e.Shutdown())
    assert not await stage.supervisor.finished
    assert isinstance(stage.supervisor.stop_error(), StopFailedError)


@story(backend__live_path="/live")
async def test_an_exit_is_followed_by_bad_health_for_clients_that_did_not_see_it(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.pass_time(1)
    stage.process.exit(CRASH)
    await stage.pass_time(0.01)
    assert [one.healthy for one in stage.of(e.Health)] == [True, False]
    assert stage.of(e.Health)[-1].error == "socket hang up"


@story(backend__live_path="/live")
async def test_our_own_stop_is_not_bad_health(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.pass_time(1)
    await stage.supervisor.stop()
    await stage.supervisor.start()
    await stage.pass_time(1)
    await stage.supervisor.restart()
    assert {one.healthy for one in stage.of(e.Health)} == {True}


@story()
async def test_a_subscriber_that_fails_silences_no_other(stage: Stage) -> None:
    def fail(_notice: RunStarted) -> None:
        raise ValueError("a defect")

    seen: list[RunStarted] = []
    stage.supervisor.stream.subscribe(RunStarted, fail)
    stage.supervisor.stream.subscribe(RunStarted, seen.append)
    stage.boots_in(0.1)
    await stage.supervisor.start()
    assert len(seen) == 1
    assert any("a subscriber to RunStarted" in report for report in stage.reports)


@story(restart__attempts=1)
async def test_each_caller_gets_an_error_of_its_own(stage: Stage) -> None:
    stage.layer.script = lambda process: process.exit(ExitStatus(code=1))
    calls = await asyncio.gather(stage.supervisor.start(), stage.supervisor.start(), return_exceptions=True)
    assert all(isinstance(error, SidecarError) for error in calls)
    assert calls[0] is not calls[1]


@story(lambda: {"folder": FakeFolder(FakeSidecar(17.0, gone_after=12.0), free_port())}, timeouts__startup=10.0)
async def test_a_start_waits_for_a_sidecar_that_is_ending_and_takes_over_its_port(stage: Stage) -> None:
    stage.boots_in(9.0)
    call = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(11.9)
    assert (stage.state, stage.layer.runs) == ("STARTING", [])
    assert stage.supervisor.run.port is None
    messages = [one.message for one in stage.of(e.Progress)]
    assert set(messages) == {"Waiting for the previous sidecar (pid 4711) to end"}
    assert len(messages) == 12
    started = await call  # the wait is no part of the time of the start
    assert 21.0 <= stage.now < 21.3
    assert started.port == stage.client.port == stage.folder.last_port
    assert [one.logs for one in stage.folder.settled] == ["backend"]
    await stage.supervisor.restart()
    assert len(stage.folder.settled) == 1


@story(lambda: {"folder": FakeFolder(FakeSidecar(3.0, gone_after=None), free_port())})
async def test_a_sidecar_that_does_not_end_in_its_time_is_a_neighbour(stage: Stage) -> None:
    stage.boots_in(1.0)
    started = await stage.supervisor.start()
    assert 9.0 <= stage.now < 9.3
    assert started.port != stage.folder.last_port
    assert [(one.shared, one.logs) for one in stage.folder.settled] == [(True, "backend-2")]


@pytest.mark.parametrize("command", ["stop", "shutdown"])
@story(lambda **_: {"folder": FakeFolder(FakeSidecar(10.0, gone_after=8.0))})
async def test_a_stop_ends_the_wait_for_another_sidecar(stage: Stage, command: str) -> None:
    call = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(3.0)
    if command == "stop":
        await stage.supervisor.stop()
    else:
        stage.supervisor.post(e.Shutdown())
        assert await stage.supervisor.finished
    assert stage.now < 3.3
    assert (stage.state, stage.layer.runs) == ("STOPPED", [])
    with pytest.raises(SidecarError):
        await call
    if command == "stop":
        stage.boots_in(0.1)
        await stage.supervisor.start()
        assert 8.0 <= stage.now < 8.5
        assert len(stage.layer.runs) == 1


@story(backend__port="reported", backend__reported_pattern=r"Listening on: (http://\S+)")
async def test_a_reported_port_that_chromium_refuses_is_warned_of(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(log, "warning", warnings.append)

    def report(process: FakeProcess) -> None:
        process.listen(6667)
        process.print("Listening on: http://127.0.0.1:6667\n")

    stage.layer.script = report
    await stage.supervisor.start()
    assert [one for one in warnings if "Chromium refuses every request to port 6667" in one]


@pytest.mark.parametrize("endpoint", ["", "/shutdown"])
@story(lambda endpoint: {"backend__shutdown_path": endpoint}, backend__stdin="open")
async def test_an_open_stdin_ends_first_and_the_ladder_follows(stage: Stage, endpoint: str) -> None:
    def refuse(_path: str) -> None:
        raise failure("no", "status", 404)

    stage.boots_in(0.1)
    stage.client.on_post = refuse
    await stage.supervisor.start()
    stage.process.on_interrupt = None
    began = stage.now
    await stage.supervisor.stop()
    ladder = [one for one in stage.process.signals if one not in {"begin_stop", "not_asked"}]
    assert ladder == ["close_stdin", "interrupt", "kill"]
    assert round(stage.now - began, 3) == 2.0 + 10.0


@story()
async def test_a_backend_whose_first_process_leaves_another_behind_is_not_a_clean_exit(stage: Stage) -> None:
    def fork(process: FakeProcess) -> None:
        process.killed.append(Survivor(4711, "nginx"))
        process.exit(ExitStatus(code=0))

    stage.layer.script = fork
    with pytest.raises(BackendExitedError) as caught:
        await stage.supervisor.start()
    assert "left others running, which were ended too: nginx (pid 4711)" in caught.value.message
    assert 'nginx -g "daemon off;"' in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("seconds", "stdin", "named"), [(0.5, "null", True), (3.0, "null", True), (0.5, "open", False)]
)
@story(lambda stdin, **_: {"backend__stdin": stdin})
async def test_a_backend_that_ends_before_it_listens_may_end_with_its_stdin(
    stage: Stage, seconds: float, stdin: str, named: bool
) -> None:
    leave = asyncio.get_running_loop().call_later
    stage.layer.script = lambda process: leave(seconds, process.exit, ExitStatus(code=0)) and None
    with pytest.raises(BackendExitedError) as caught:
        await stage.supervisor.start()
    assert ('backend.stdin = "open"' in (caught.value.hint or "")) is named


@story(backend__listener="any", backend__shutdown_path="/shutdown")
async def test_another_program_may_listen_for_the_backend_where_the_settings_allow_it(stage: Stage) -> None:
    def forward(process: FakeProcess) -> None:
        stage.layer.strangers.append(ListeningSocket("127.0.0.1", int(process.spec.command[-1]), 4711))

    stage.layer.script = forward
    await stage.supervisor.start()
    await stage.pass_time(5)
    assert (stage.state, stage.supervisor.run and stage.supervisor.run.listener) == ("RUNNING", "unknown")
    await stage.supervisor.stop()
    assert "/shutdown" in stage.client.asked
