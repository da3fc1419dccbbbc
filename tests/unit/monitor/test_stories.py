"""How the monitor interprets sockets and answers, over a fake process layer with a jumping clock."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import force_setattr

from sidecar.backend.probe import ProbeResult
from sidecar.core import events as e
from sidecar.errors import PortForeignError
from sidecar.monitor import readiness
from sidecar.process.base import ListeningSocket
from sidecar.supervisor.run import Run
from sidecar.wire.observe import StateChanged
from tests.support.fake_process import FakeProcess
from tests.support.stage import Stage, failure, story

LIVE = {"backend__live_path": "/live"}
STRANGER = 77


def refused(_path: str) -> Any:
    raise failure("connect ECONNREFUSED 127.0.0.1:1", "refused")


def status(number: int) -> Callable[[str], Any]:
    def answer(_path: str) -> Any:
        raise failure(f"Request failed with status code {number}", "status", number)

    return answer


def healths(stage: Stage) -> list[tuple[bool, str]]:
    return [(one.healthy, one.error) for one in stage.of(e.Health)]


@story(**LIVE)
async def test_an_open_port_is_not_ready_before_the_live_endpoint_answers_well(stage: Stage) -> None:
    stage.client.answer = status(503)
    stage.boots_in(1.0)
    stage.loop.call_later(5.0, setattr, stage.client, "answer", lambda _path: {})
    await stage.supervisor.start()
    assert 5.0 <= stage.now < 5.2
    messages = [one.message for one in stage.of(e.Progress)]
    assert messages[0] == "Waiting for the port to open"
    assert "Waiting for the first good answer: it listens on port" in messages[-2]
    assert "status 503" in messages[-2]
    assert stage.supervisor.run.listener == "own"
    assert stage.supervisor.run.last_answer is not None


@story(**LIVE)
async def test_which_of_its_processes_listens_is_known_also_when_another_takes_over(stage: Stage) -> None:
    stage.boots_in(1.0)
    await stage.supervisor.start()
    run = stage.supervisor.run
    assert run.server == stage.layer.last.identity.pid
    stage.layer.last.worker = 4712  # as nodemon starts it anew
    await asyncio.sleep(1.5)
    assert (stage.supervisor.run.server, stage.supervisor.run.owner) == (4712, None)
    posted = list(stage.of(e.Listener))
    await asyncio.sleep(5)
    assert stage.of(e.Listener) == posted


@story()
async def test_readiness_is_noticed_within_two_percent_of_the_start(stage: Stage) -> None:
    stage.boots_in(20.0)
    await stage.supervisor.start()
    assert 20.0 <= stage.now < 20.4


@story()
async def test_a_stranger_on_a_chosen_port_is_left_alone_and_another_port_tried(stage: Stage) -> None:
    def meet(process: FakeProcess) -> None:
        port = int(process.spec.command[-1])
        if len(stage.layer.runs) == 1:
            stage.layer.strangers = [ListeningSocket("127.0.0.1", port, STRANGER)]
        else:
            process.listen()

    stage.layer.script = meet
    await stage.supervisor.start()
    assert stage.moves[1:3] == ["STOPPING port_retry", "STARTING port_retry"]
    assert len(stage.layer.runs) == 2


@story(backend__port=45_673, restart__attempts=1)
async def test_a_socket_on_ipv6_alone_leaves_the_port_to_strangers(stage: Stage) -> None:
    stage.layer.strangers = [ListeningSocket("127.0.0.1", 45_673, STRANGER)]
    stage.layer.script = lambda process: process.listen_on("::1", 45_673)
    with pytest.raises(PortForeignError):
        await stage.supervisor.start()


@story(**LIVE)
async def test_health_is_reported_on_change_only(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.pass_time(10)
    assert healths(stage) == [(True, "")]
    stage.client.answer = status(500)
    await stage.pass_time(1.1)
    stage.client.answer = lambda _path: {"fine": True}
    await stage.pass_time(10)
    assert healths(stage)[1:] == [(False, "Request failed with status code 500"), (True, "")]
    assert stage.of(e.Health)[-1].body == {"fine": True}


@story(health__restart_when_hung=True, health__probe_timeout=2.0, timeouts__health_interval=1.0, **LIVE)
async def test_silence_is_bad_health_after_three_misses_and_a_restart_where_that_is_set(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.client.takes = 100.0
    stage.process.on_interrupt = 1.0
    began = stage.now
    await stage.reach("STOPPING")
    assert round(stage.now - began) == 6  # three checks of 2 s each, a second apart at the most
    assert stage.moves[-1] == "STOPPING hung"
    stage.client.takes = 0.0
    await stage.reach("RUNNING")


@pytest.mark.parametrize("settings", [LIVE, {}], ids=["with an endpoint", "without any"])
@story(lambda settings: {"health__restart_when_hung": True, **settings})
async def test_a_port_that_stays_lost_is_a_restart_where_that_is_set(stage: Stage, settings: dict[str, Any]) -> None:
    """A backend's first process, such as a shell or a reloader, may outlive its server."""
    stage.boots_in(0.1)
    await stage.supervisor.start()
    stage.process.sockets.clear()
    stage.process.on_interrupt = 1.0
    stage.client.answer = refused
    began = stage.now
    await stage.reach("STOPPING")
    assert 2.0 <= stage.now - began <= 3.1
    assert (stage.moves[-1], "no longer listens" in stage.supervisor.run.lost) == ("STOPPING hung", True)


@story(**LIVE)
async def test_a_reported_suspend_forgives_the_silence_before_it(stage: Stage) -> None:
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.pass_time(0.5)
    stage.client.answer = refused
    await stage.pass_time(2.0)
    stage.monitor.suspended()
    await stage.pass_time(2.0)
    assert healths(stage) == [(True, "")]
    await stage.pass_time(2.0)
    assert healths(stage)[-1][0] is False


@story(backend__providers_path="/providers", backend__volatile_keys=["timestamp"], **LIVE)
async def test_provider_changes_are_reported_without_their_volatile_keys(stage: Stage) -> None:
    body: dict[str, Any] = {"providers": ["a"], "timestamp": 1}
    stage.client.answer = lambda path: dict(body) if path == "/providers" else {}
    stage.boots_in(0.1)
    await stage.supervisor.start()
    await stage.pass_time(100)
    body["timestamp"] = 2
    await stage.pass_time(100)
    body["providers"] = ["a", "b"]
    await stage.pass_time(100)
    assert [one.body["providers"] for one in stage.of(e.Providers)] == [["a"], ["a", "b"]]


@story()
async def test_sockets_for_other_machines_are_reported_when_they_change(stage: Stage) -> None:
    def expose(process: FakeProcess) -> None:
        process.listen()
        process.listen_on("0.0.0.0", 9000)

    stage.layer.script = expose
    await stage.supervisor.start()
    await stage.pass_time(200)
    assert [[socket[:2] for socket in one.sockets] for one in stage.of(e.Exposed)] == [[("0.0.0.0", 9000)]]
    assert stage.supervisor.run.exposed[0][1] == 9000


@pytest.mark.parametrize("settings", [LIVE, {}], ids=["with an endpoint", "without any"])
@story(lambda settings: settings)
async def test_a_run_that_lost_its_port_is_unhealthy_within_two_intervals(
    stage: Stage, settings: dict[str, Any]
) -> None:
    stage.boots_in(0.1)
    started = await stage.supervisor.start()
    await stage.pass_time(3)
    stage.process.sockets.clear()
    stage.client.answer = refused
    await stage.pass_time(2)
    assert healths(stage)[-1] == (False, f"it no longer listens on port {started.port}")
    stage.process.listen()
    stage.client.answer = lambda _path: {}
    await stage.pass_time(2)
    assert healths(stage)[-1] == (True, "")


@pytest.mark.parametrize("settings", [LIVE, {}], ids=["with an endpoint", "without any"])
@story(lambda settings: settings)
async def test_a_lost_port_is_reported_with_the_error_printed_since_it_was_ready(
    stage: Stage, settings: dict[str, Any]
) -> None:
    def script(process: FakeProcess) -> None:
        process.print("Error: connect ECONNREFUSED 127.0.0.1:6379\n")
        process.listen()

    stage.layer.script = script
    started = await stage.supervisor.start()
    await stage.pass_time(3)
    stage.process.print("Error: Cannot find module './gone'\n[nodemon] app crashed - waiting for file changes\n")
    stage.process.sockets.clear()
    stage.client.answer = refused
    await stage.pass_time(2)
    healthy, error = healths(stage)[-1]
    assert (healthy, error.startswith(f"it no longer listens on port {started.port}; ")) == (False, True)
    assert ("./gone" in error, "6379" in error) == (True, False)


@pytest.mark.parametrize("settings", [LIVE, {}], ids=["with an endpoint", "without any"])
@story(lambda settings: settings, backend__shutdown_path="/shutdown")
async def test_nothing_is_sent_to_another_program_that_took_the_port(stage: Stage, settings: dict[str, Any]) -> None:
    stage.boots_in(0.1)
    started = await stage.supervisor.start()
    await stage.pass_time(3)
    stage.process.sockets.clear()
    stage.layer.strangers = [ListeningSocket("127.0.0.1", started.port, STRANGER)]
    await stage.pass_time(2)
    asked = len(stage.client.asked)
    assert healths(stage)[-1] == (False, f"port {started.port} belongs to program-77 (pid 77)")
    assert (stage.supervisor.run.listener, stage.supervisor.run.owner_pid) == ("foreign", STRANGER)
    await stage.pass_time(10)
    await stage.supervisor.stop()
    assert len(stage.client.asked) == asked  # no probe, and no request to shut down either


@pytest.mark.parametrize(
    ("own", "theirs", "is_rival"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "0.0.0.0", True),
        ("127.0.0.1", "0.0.0.0", False),  # the more exact address has every connection
    ],
)
@story(lambda own, theirs, is_rival: LIVE)
async def test_a_port_that_is_shared_with_another_program_is_not_the_runs(
    stage: Stage, own: str, theirs: str, is_rival: bool
) -> None:
    """By SO_REUSEPORT: half of the page's requests, or all of them, went there."""
    stage.layer.script = lambda process: process.listen_on(own, int(process.spec.command[-1]))
    started = await stage.supervisor.start()
    await stage.pass_time(3)
    stage.process.shared.add(started.port)
    stage.layer.strangers = [ListeningSocket(theirs, started.port, STRANGER)]
    await stage.pass_time(2)
    assert (stage.supervisor.run.listener == "foreign") is is_rival
    assert healths(stage)[-1][0] is not is_rival
    stage.process.shared.clear()
    stage.layer.strangers.clear()
    await stage.pass_time(2)
    assert stage.supervisor.run.listener == "own"


@story(backend__port="reported", **LIVE)
async def test_a_new_address_that_a_running_backend_prints_is_taken_over(stage: Stage) -> None:
    def report(process: FakeProcess) -> None:
        process.listen(50_123)
        process.print("Now listening on: http://127.0.0.1:50123\n")

    stage.layer.script = report
    await stage.supervisor.start()
    await stage.pass_time(3)
    stage.process.sockets.clear()
    stage.process.listen(50_124)
    stage.process.print("reloading\nNow listening on: http://127.0.0.1:50124\n")
    await stage.pass_time(2)
    assert [stage.client.port, stage.supervisor.last_port] == [50_124, 50_124]
    change = [one for one in stage.seen if isinstance(one, StateChanged)][-1]
    assert (change.state, change.reason, change.port) == ("RUNNING", "port_changed", 50_124)
    assert (await stage.supervisor.start()).port == 50_124
    assert [healthy for healthy, _ in healths(stage)] == [True]


HOST = "info: Microsoft.Hosting.Lifetime[0]\n      "
STARTED = f"{HOST}Application started. Press Ctrl+C to shut down.\n"


@pytest.mark.parametrize(
    ("listens", "words", "remedy"),
    [
        (True, "and has no /live (status 404)", "Correct backend.live_path"),
        (False, "nothing listens on port", "a worker service has none"),
    ],
)
@pytest.mark.parametrize("profile", ["aspnet", "generic"])
@story(lambda profile, **_: {"profile": profile}, **LIVE)
async def test_an_app_that_reports_its_start_and_is_not_ready_is_quoted(
    stage: Stage, profile: str, *, listens: bool, words: str, remedy: str
) -> None:
    def boot(process: FakeProcess) -> None:
        process.print(STARTED)
        if listens:
            process.listen()

    stage.layer.script = boot
    stage.client.answer = status(404)
    starting = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(3)
    message = stage.of(e.Progress)[-1].message
    assert ("the app reports that it has started, but " in message) == (profile == "aspnet")
    if profile == "aspnet":
        assert words in message
        assert remedy in message
    starting.cancel()


@story(**LIVE)
async def test_another_port_than_the_given_one_is_accepted_where_the_run_clearly_listens_there(stage: Stage) -> None:
    def listen(process: FakeProcess) -> None:
        process.print("Running on \x1b[1mhttp://127.0.0.1:50555\x1b[0m (Press CTRL+C to quit)\n")
        process.listen(50_555)
        process.listen(9_229)

    stage.layer.script = listen
    started = await stage.supervisor.start()
    assert started.port == stage.client.port == 50_555
    assert stage.now < 2 + 1.1  # two looks, and the time limit of what it is asked


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that were probed; each answers."""
    asked: list[int] = []

    async def probe_port(port: int, _path: str, _timeout: float) -> ProbeResult:
        asked.append(port)
        return ProbeResult(True, 200, "ok", "")

    monkeypatch.setattr(readiness, "probe_port", probe_port)
    return asked


@story()
async def test_nothing_is_sent_to_a_socket_that_waits_for_a_process_of_the_backends_own(
    stage: Stage, asked: list[int]
) -> None:
    """As debugpy's and a kernel's do at their start, for whoever comes first."""
    force_setattr(stage.settings.backend, "command", [sys.executable])

    def listen(process: FakeProcess) -> None:
        process.listen(50_555)
        port = stage.supervisor.run.port if stage.supervisor.run else None
        asyncio.get_running_loop().call_later(4.5, process.listen, port)

    stage.layer.script = listen
    started = await stage.supervisor.start()
    assert started.port != 50_555
    assert asked == []


@pytest.mark.parametrize(("port", "seconds"), [(8_088, 2), (50_555, 6)])
@story()
async def test_another_port_is_the_servers_once_it_stays_open(
    stage: Stage, asked: list[int], *, port: int, seconds: int
) -> None:
    force_setattr(stage.settings.backend, "command", [sys.executable])
    stage.layer.script = lambda process: process.listen(port)
    assert (await stage.supervisor.start()).port == port
    assert asked == [port]
    assert seconds <= stage.now < seconds + 1.5


@pytest.mark.parametrize(("busy", "seconds"), [(0.0, 3), (8.0, 9)])
@story()
async def test_a_port_without_a_page_is_the_servers_once_its_tree_is_idle(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, busy: float, seconds: int
) -> None:
    """Airflow's log servers answer while its main server still loads."""

    async def probe_port(_port: int, _path: str, _timeout: float) -> ProbeResult:
        return ProbeResult(False, 404, "not found", "")

    monkeypatch.setattr(readiness, "probe_port", probe_port)
    monkeypatch.setattr(Run, "time_worked", lambda _: 10 + min(stage.now, busy))
    stage.layer.script = lambda process: process.listen(8_088)
    force_setattr(stage.settings.backend, "command", [sys.executable])
    assert (await stage.supervisor.start()).port == 8_088
    assert seconds <= stage.now < seconds + 2.5


@pytest.mark.parametrize("others", [10, 1000])
@story()
async def test_a_server_is_not_overlooked_while_ports_beside_its_own_are_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, others: int
) -> None:
    asked = 0

    async def probe_port(_port: int, _path: str, timeout: float) -> ProbeResult:
        nonlocal asked
        asked += 1
        await asyncio.sleep(timeout)
        return ProbeResult(False, None, None, "timeout", "timeout")

    def listen(process: FakeProcess) -> None:
        for port in range(20_000, 20_000 + others):
            process.listen(port)
        port = stage.supervisor.run.port if stage.supervisor.run else None
        asyncio.get_running_loop().call_later(4, process.listen, port)

    monkeypatch.setattr(readiness, "probe_port", probe_port)
    force_setattr(stage.settings.backend, "command", [sys.executable])
    stage.layer.script = listen
    await stage.supervisor.start()
    assert stage.now < 4 + 2.5
    assert asked <= 3 * others
    assert asked < 100


@pytest.mark.parametrize(
    ("statuses", "found", "seconds"),
    [
        ({8_086: 404, 8_088: None}, 8_086, 2),  # the other one is InfluxDB's, for its backups
        ({8_086: 404, 8_088: 200}, 8_088, 2),
        ({8_086: 404, 8_088: 404}, None, 40),
        ({8_118: 400}, 8_118, 2),  # a proxy that was asked for no host
        ({9_228: 400, "debugger": 200}, 9_228, 30),
        ({9_228: 400, 9_230: None, "debugger": 200}, None, 40),
    ],
)
@story()
async def test_of_its_other_ports_the_one_that_speaks_http_and_is_no_debuggers_is_the_servers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, statuses: dict[Any, int | None], found: int | None, seconds: int
) -> None:
    async def probe_port(port: int, path: str, _timeout: float) -> ProbeResult:
        number = statuses[port] if path == "/" else statuses.get("debugger", 404)
        return ProbeResult(number == 200, number, "ok", "")

    monkeypatch.setattr(readiness, "probe_port", probe_port)
    force_setattr(stage.settings.backend, "command", [sys.executable])

    def listen(process: FakeProcess) -> None:
        for port in statuses:
            if isinstance(port, int):
                process.listen(port)
        port = stage.supervisor.run.port if stage.supervisor.run else None
        asyncio.get_running_loop().call_later(40.0, process.listen, port)

    stage.layer.script = listen
    started = await stage.supervisor.start()
    assert (started.port if started.port in statuses else None) == found
    assert seconds <= stage.now < seconds + 1.5


@story(**LIVE)
async def test_a_server_that_comes_to_its_port_later_is_followed_there(stage: Stage) -> None:
    """Its metrics, on a port of their own, were the first that answered."""

    def listen(process: FakeProcess) -> None:
        process.print("metrics on http://127.0.0.1:50557\n")
        process.listen(50_557)
        process.listen_after(30.0)

    stage.layer.script = listen
    assert (await stage.supervisor.start()).port == 50_557
    await stage.pass_time(40)
    given = int(stage.process.spec.command[-1])
    assert [stage.client.port, stage.supervisor.last_port] == [given, given]
    change = [one for one in stage.seen if isinstance(one, StateChanged)][-1]
    assert (change.state, change.reason, change.port) == ("RUNNING", "port_changed", given)


@story(**LIVE)
async def test_a_server_that_limits_the_rate_of_requests_is_asked_less_often(stage: Stage) -> None:
    times: list[float] = []

    def answer(path: str) -> Any:
        times.append(stage.now)
        return {} if stage.now > 10 and times[-1] - times[-2] >= 1.0 else status(429)(path)

    stage.client.answer = answer
    stage.boots_in(0.5)
    await stage.supervisor.start()
    assert 10 < stage.now < 12
    assert len(times) <= 12


@story()
async def test_of_two_other_ports_none_is_taken_for_the_servers_and_the_progress_names_them(stage: Stage) -> None:
    def listen(process: FakeProcess) -> None:
        process.listen(50_556)
        process.listen(9_229)

    stage.layer.script = listen
    starting = asyncio.create_task(stage.supervisor.start())
    await stage.pass_time(3)
    message = stage.of(e.Progress)[-1].message
    assert "it listens on 127.0.0.1:50556, 127.0.0.1:9229 instead of its port" in message
    assert "{port}" in message
    stage.process.listen()
    assert (await starting).port == int(stage.process.spec.command[-1])


@story()
async def test_a_single_other_port_is_not_the_servers_where_its_command_has_the_port(stage: Stage) -> None:
    def listen(process: FakeProcess) -> None:
        process.listen(9_229)
        process.listen_after(5.0)

    stage.layer.script = listen
    assert (await stage.supervisor.start()).port == int(stage.process.spec.command[-1])


@pytest.mark.parametrize("end", ["", "\r"], ids=["no line end", "a carriage return"])
@story(backend__port="reported")
async def test_an_address_without_a_line_end_counts_when_the_run_listens_there(stage: Stage, end: str) -> None:
    def report(process: FakeProcess) -> None:
        process.print("Now listening on: http://127.0.0.1:501")
        asyncio.get_running_loop().call_later(1.0, process.print, f"25{end}")
        asyncio.get_running_loop().call_later(2.0, process.listen, 50_125)

    stage.layer.script = report
    assert (await stage.supervisor.start()).port == 50_125
