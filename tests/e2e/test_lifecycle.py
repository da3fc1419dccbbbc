"""The lifecycle through the real process, with real children; each test covers the protocol page's table or a reported problem."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import CHILDREN, http_backend, script_backend, trouble
from tests.support.client import SidecarClient, failure
from tests.support.launch import sidecar_command

RELAYED = [sys.executable, str(CHILDREN / "relay.py"), *sidecar_command()]
QUICK: dict[str, Any] = {
    "timeouts.restart_delay": 0.2,
    "health.provider_interval": 0.2,
    "timeouts.health_interval": 0.1,
}


def sidecar(*backend: str, **settings: Any) -> SidecarClient:
    profile = settings.pop("profile", "aura")
    return SidecarClient(list(backend), settings={**QUICK, **settings}, flags=["--profile", profile])


async def ready(client: SidecarClient) -> dict[str, Any]:
    started: dict[str, Any] = await client.call("backend:waitForReady")
    return started


async def test_it_starts_by_itself_and_a_start_while_running_answers_at_once() -> None:
    async with sidecar(*http_backend()) as client:
        first = await ready(client)
        asked = time.monotonic()
        assert await client.call("backend:start") == first
        assert time.monotonic() - asked < 1 + processes.SLACK
        assert (await client.call("backend:status"))["running"] is True
        phases = [p["phase"] for p in client.payloads("backend:startupProgress")]
        assert (phases[0], phases[-1]) == ("spawning", "ready")


async def test_without_autostart_nothing_runs_until_asked() -> None:
    async with sidecar(*http_backend(), backend__autostart=False) as client:
        assert (await client.call("backend:status"))["state"] == "STOPPED"
        assert await client.call("backend:getUrl") is None
        error = await failure(client.call("backend:waitForReady"))
        assert error.code == "NOT_RUNNING"
        assert (await client.call("backend:start"))["success"] is True


async def test_twenty_concurrent_restarts_make_one_new_run_and_none_is_answered_early() -> None:
    async with sidecar(*http_backend()) as client:
        before = await ready(client)
        mark = client.mark()
        answers = await asyncio.gather(*(client.call("backend:restart") for _ in range(20)))
        status = await client.call("backend:status")
        assert {answer["url"] for answer in answers} == {status["url"]} == {before["url"]}
        assert status["pid"] != before["pid"]
        assert len([p for p in client.payloads("backend:stateChanged", mark) if p["state"] == "STARTING"]) == 1


async def test_a_crash_is_noticed_at_once_and_the_backend_comes_back() -> None:
    async with sidecar(*http_backend()) as client:
        pid = (await ready(client))["pid"]
        mark = client.mark()
        processes.kill(pid)
        killed = time.monotonic()
        await client.state("BACKOFF", since=mark)
        assert time.monotonic() - killed < 0.5 + processes.SLACK
        crash = await client.event("backend:crash", since=mark)
        assert (crash["attempt"], crash["attempts"], crash["nextStartIn"], crash["final"]) == (1, 3, 0, False)
        again = await ready(client)
        assert again["pid"] != pid
        status = await client.call("backend:status")
        assert (status["restarts"], status["lastExit"]["expected"]) == (1, False)


@pytest.mark.posix(reason="SIGTERM can be ignored; on Windows the console event is another test")
async def test_a_stubborn_backend_is_killed_in_the_time_promised() -> None:
    command = http_backend(ignore_shutdown=True, ignore_sigterm=True)
    async with sidecar(*command, timeouts__shutdown_request=0.3, timeouts__graceful_shutdown=0.7) as client:
        pid = (await ready(client))["pid"]
        asked = time.monotonic()
        answer = await client.call("backend:stop")
        assert answer["success"] is True
        assert len(answer["forced"]) == 1  # the backend itself
        assert 0.9 < time.monotonic() - asked < 1 + processes.SLACK
        assert not processes.is_alive(pid)
        assert (await client.call("backend:status"))["lastExit"]["signal"] == signal.SIGKILL


async def test_a_flood_of_output_never_blocks_the_backend_or_the_sidecar() -> None:
    async with sidecar(*http_backend(flood=100_000_000)) as client:
        await ready(client)
        before = (await client.call("sidecar:info"))["memory"]
        for _ in range(20):
            asked = time.monotonic()
            await client.call("sidecar:ping")
            assert time.monotonic() - asked < 1 + processes.SLACK
        await client.call("backend:restart")
        after = (await client.call("sidecar:info"))["memory"]
        assert after - before < 60_000_000


async def test_provider_changes_are_reported_and_time_stamps_are_none() -> None:
    async with sidecar(*http_backend()) as client:
        port = (await ready(client))["port"]
        first = await client.event("backend:providerUpdate")
        await trouble(port, "provider?online=false")
        second = await client.event("backend:providerUpdate", where=lambda body: body != first)
        assert (first["providers"][0]["isOnline"], second["providers"][0]["isOnline"]) == (True, False)
        assert len(client.payloads("backend:providerUpdate")) == 2


async def test_a_command_that_does_not_exist_fails_at_once_and_the_sidecar_stays_up(tmp_path: Path) -> None:
    missing = tmp_path / "no such backend"
    async with sidecar(str(missing), backend__autostart=False) as client:
        error = await failure(client.call("backend:start"))
        assert error.code == "BACKEND_NOT_FOUND"
        assert error.data == {"path": str(missing)}
        assert error.hint
        assert (await client.call("backend:status"))["state"] == "FAILED"
        assert (await failure(client.call("backend:waitForReady"))).code == "BACKEND_NOT_FOUND"


@pytest.mark.posix(reason="the run bit")
async def test_a_file_without_the_run_bit_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "backend"
    file.write_text("#!/bin/sh\n")
    async with sidecar(str(file), backend__autostart=False) as client:
        error = await failure(client.call("backend:start"))
        assert error.code == "BACKEND_NOT_EXECUTABLE"
        assert "chmod u+x" in (error.hint or "")
        assert not os.access(file, os.X_OK)


async def test_a_generic_backend_is_ready_when_its_own_tree_listens() -> None:
    code = (
        "import os, _socket as s, time\n"
        "time.sleep(0.2)\n"
        "l = s.socket(); l.bind((os.environ['HOST'], int(os.environ['PORT']))); l.listen()\n"
        "time.sleep(600)\n"
    )
    async with sidecar(*script_backend(code), profile="generic") as client:
        started = await ready(client)
        status = await client.call("backend:status")
        assert status["listener"] in {"own", "unknown"}  # Wine reports no owners of sockets
        assert (status["health"], status["port"]) == ("unknown", started["port"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how many connections wait")
async def test_without_any_endpoint_connections_that_wait_make_it_unhealthy() -> None:
    """As under a reloader that holds the port for its dead workers."""
    code = (
        "import os, _signal, _socket as s, time\n"
        "_signal.signal(_signal.SIGUSR1, lambda *_: l._accept())\n"
        "l = s.socket(); l.bind((os.environ['HOST'], int(os.environ['PORT']))); l.listen()\n"
        "while True: time.sleep(600)\n"
    )
    more = {"health__failures": 1, "health__probe_timeout": 0.5}
    async with sidecar(*script_backend(code), profile="generic", **more) as client:
        started = await ready(client)
        _, writer = await asyncio.open_connection("127.0.0.1", started["port"])
        unhealthy = await client.event("backend:healthUpdate")
        assert unhealthy == {
            "status": "unhealthy",
            "error": "it does not accept the connections that wait on its port",
        }
        assert await client.call("backend:health") == unhealthy
        os.kill(started["pid"], signal.SIGUSR1)
        await client.event("backend:healthUpdate", where=lambda update: update["status"] == "healthy")
        assert (await client.call("backend:status"))["state"] == "RUNNING"
        writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows who is stopped")
@pytest.mark.parametrize("path", ["", "/health/live"])
async def test_a_stopped_backend_is_unhealthy_until_it_continues(path: str) -> None:
    more = {"health__failures": 1, "health__probe_timeout": 0.5}
    async with sidecar(*http_backend(), profile="generic", backend__live_path=path, **more) as client:
        pid = (await ready(client))["pid"]
        os.kill(pid, signal.SIGSTOP)
        unhealthy = await client.event("backend:healthUpdate", where=lambda update: update["status"] == "unhealthy")
        assert f"(pid {pid}) is stopped. Continue it: kill -CONT {pid}." in unhealthy["error"]
        seen = client.mark()
        os.kill(pid, signal.SIGCONT)
        await client.event("backend:healthUpdate", where=lambda update: update["status"] == "healthy", since=seen)


async def test_after_shutdown_nothing_is_alive_and_the_exit_status_is_0() -> None:
    async with sidecar(*http_backend(children="plain")) as client:
        pid = (await ready(client))["pid"]
        assert await client.call("sidecar:shutdown") == {"success": True}
        assert await client.wait_exit(10) == 0
        assert not processes.is_alive(pid)


async def test_while_shutting_down_only_status_and_ping_answer() -> None:
    async with sidecar(*http_backend(stop_delay=1)) as client:
        await ready(client)
        shutdown, stop, info = (client.request(name) for name in ("sidecar:shutdown", "backend:stop", "sidecar:info"))
        for behind in (stop, info):
            assert (await failure(behind)).code == "SHUTTING_DOWN"
        await client.state("STOPPING")
        assert (await failure(client.call("backend:restart"))).code == "SHUTTING_DOWN"
        assert (await client.call("backend:status"))["state"] == "STOPPING"
        assert await client.call("sidecar:ping", 1) == 1
        assert await shutdown == {"success": True}


async def test_a_client_that_asks_for_the_end_and_closes_its_stdin_gets_the_whole_ladder() -> None:
    async with sidecar(*http_backend(stop_delay=2.5)) as client:
        await ready(client)
        shutdown = client.request("sidecar:shutdown")
        await client.state("STOPPING")
        client.close_stdin()
        asked = time.monotonic()
        assert await shutdown == {"success": True}
        assert time.monotonic() - asked > 1.7
        assert (await client.state("STOPPED"))["reason"] == "shutdown"


@pytest.mark.posix(reason="only a POSIX pipe shows without a write that its reader is gone")
async def test_a_client_that_dies_after_it_asked_for_the_end_is_not_waited_for() -> None:
    stubborn = http_backend(ignore_shutdown=True, ignore_sigterm=True)
    async with SidecarClient(stubborn, command=RELAYED, expect_exit=None) as client:
        pid = (await ready(client))["pid"]
        client.request("sidecar:shutdown").add_done_callback(lambda answer: answer.exception())
        await client.state("STOPPING")
        processes.kill(client.process.pid)
        await processes.until(lambda: not processes.is_alive(pid), 2.5 + processes.SLACK)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2)")
async def test_without_a_descriptor_every_request_is_answered_and_the_next_start_works() -> None:
    import resource

    async with SidecarClient(http_backend(), settings={"restart.attempts": 0}) as client:
        await client.call("backend:waitForReady")
        pid = client.hello["pid"]
        used = 1 + max(map(int, os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208 - names are all that is needed
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)  # type: ignore[attr-defined,unused-ignore]  # Linux only
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))  # type: ignore[attr-defined,unused-ignore]
        (diagnosis,) = await asyncio.gather(client.call("backend:diagnose"), return_exceptions=True)
        restart = await failure(client.call("backend:restart"))
        for answer in (diagnosis, restart):
            assert isinstance(answer, list) or "raise it (ulimit -n for open files" in (answer.hint or "")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)  # type: ignore[attr-defined,unused-ignore]
        assert (await client.call("backend:start"))["success"] is True
        assert await client.call("backend:stop") == {"success": True}
