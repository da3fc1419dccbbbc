"""The lifecycle with a real ASP.NET Core server: each row of the behaviour measured on the customer's own server."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import ask, aspnet_backend, aspnet_missing, free_port, trouble
from tests.support.client import SidecarClient, failure

pytestmark = pytest.mark.skipif(bool(aspnet_missing()), reason=aspnet_missing() or "it is there")
WINDOWS = sys.platform == "win32"


def sidecar(*, environment: dict[str, str] | None = None, **settings: Any) -> SidecarClient:
    quick = {"timeouts.restart_delay": 0.2, **settings}
    return SidecarClient(aspnet_backend(), settings=quick, env=environment)


async def ready(client: SidecarClient) -> dict[str, Any]:
    started: dict[str, Any] = await client.call("backend:waitForReady")
    return started


async def test_start_answers_and_stop_by_the_endpoint() -> None:
    async with sidecar() as client:
        started = await ready(client)
        version = await client.call("backend:version")
        assert version["semanticVersion"]
        error = await failure(client.call("backend:info"))
        assert error.message == "Failed to get backend info: Request failed with status code 404"
        asked = time.monotonic()
        assert await client.call("backend:stop") == {"success": True}
        assert time.monotonic() - asked < 3 + processes.SLACK
        assert not processes.is_alive(started["pid"])
        last = (await client.call("backend:status"))["lastExit"]
        assert (last["code"], last["expected"]) == (0, True)


@pytest.mark.slow
async def test_a_slow_start_without_a_listening_line_is_followed_to_its_end() -> None:
    slow = {"TROUBLE_START_DELAY_MS": "1500", "Logging__LogLevel__Microsoft.Hosting.Lifetime": "Warning"}
    async with sidecar(environment=slow) as client:
        await ready(client)
        progress = client.payloads("backend:startupProgress")
        assert progress[-1]["phase"] == "ready"
        # Counted from STARTING, which the early launch precedes by the imports: up to 0.5 s on a busy machine.
        assert progress[-1]["elapsed"] >= 1.0
        assert "Now listening" not in "\n".join(line["text"] for line in await client.call("backend:logs"))


@pytest.mark.slow
async def test_a_not_ready_endpoint_is_not_a_failed_start() -> None:
    async with sidecar(environment={"TROUBLE_READY_DELAY_MS": "60000"}) as client:
        assert (await ready(client))["success"] is True


async def test_a_reported_port_is_read_from_what_it_prints() -> None:
    async with sidecar(backend__port="reported") as client:
        assert (await client.event("backend:stateChanged"))["url"] is None
        started = await ready(client)
        assert started["port"] > 0
        assert (await client.call("backend:ping"))["success"] is True


async def test_an_unhandled_exception_is_a_crash_with_its_cause_from_the_text() -> None:
    async with sidecar() as client:
        port = (await ready(client))["port"]
        await trouble(port, "crash?kind=exception&afterMs=100")
        crash = await client.event("backend:crash")
        if WINDOWS:
            assert crash["code"] == 0xE0434352
        else:
            assert crash["signal"] == signal.SIGABRT
        assert "exception" in (crash["cause"] or "").lower()
        await client.state("RUNNING", since=client.mark())


async def test_a_fixed_port_that_is_lost_between_look_and_bind_is_distinguished_from_a_crash() -> None:
    port = free_port()
    settings = {"backend__port": port, "backend__autostart": False}
    async with sidecar(environment={"TROUBLE_START_DELAY_MS": "1500"}, **settings) as client:
        start = client.request("backend:start")
        await client.event("backend:startupProgress", where=lambda p: p["phase"] == "waiting")
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", port))
            squatter.listen()
            error = await failure(start)
            assert error.code in {"PORT_IN_USE", "PORT_FOREIGN"}
            await client.call("backend:stop")


@pytest.mark.slow
@pytest.mark.not_wine(reason="Wine reports no pids, so a stranger shows only when the backend cannot bind")
async def test_a_stranger_on_a_chosen_port_is_seen_long_before_the_backend_notices() -> None:
    async with sidecar(environment={"TROUBLE_START_DELAY_MS": "10000"}) as client:
        first = await client.event("backend:stateChanged")
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", first["port"]))
            stranger.listen()
            began = time.monotonic()
            retry = await client.event(
                "backend:stateChanged", where=lambda p: p["reason"] == "port_retry" and p["state"] == "STARTING"
            )
            assert time.monotonic() - began < 2 + processes.SLACK
            assert retry["port"] != first["port"]
            assert (await ready(client))["port"] == retry["port"]
        assert client.payloads("backend:crash") == []


@pytest.mark.slow
async def test_an_open_event_stream_is_cut_when_the_ladder_says_so() -> None:
    async with sidecar(timeouts__graceful_shutdown=1, timeouts__shutdown_request=0.5) as client:
        port = (await ready(client))["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/jobs/x/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in await reader.readline()
        asked = time.monotonic()
        answer = await client.call("backend:stop")
        assert answer["success"] is True
        assert len(answer["forced"]) == 1  # the backend itself
        assert 1 < time.monotonic() - asked < 1.5 + processes.SLACK
        writer.close()


async def test_a_backend_that_ignores_the_request_is_ended_by_the_signal() -> None:
    quick = {"timeouts__graceful_shutdown": 1 + processes.SLACK, "timeouts__shutdown_request": 0.3}
    async with sidecar(environment={"TROUBLE_IGNORE_SHUTDOWN": "1"}, **quick) as client:
        pid = (await ready(client))["pid"]
        assert await client.call("backend:stop") == {"success": True}
        assert not processes.is_alive(pid)


@pytest.mark.slow
async def test_a_hung_backend_is_restarted_where_asked_for() -> None:
    settings = {"timeouts__health_interval": 0.2, "health__probe_timeout": 0.3, "health__restart_when_hung": True}
    async with sidecar(**settings, timeouts__graceful_shutdown=1) as client:
        started = await ready(client)
        mark = client.mark()
        await trouble(started["port"], "hang?ms=60000")
        stopping = await client.state("STOPPING", since=mark)
        assert stopping["reason"] == "hung"
        await client.state("RUNNING", since=mark)
        assert client.payloads("backend:crash")[0]["attempt"] == 1


@pytest.mark.slow
async def test_a_started_app_without_its_health_path_is_quoted_with_the_status() -> None:
    settings = {"backend.live_path": "/nowhere"}
    async with SidecarClient(aspnet_backend(), settings=settings, flags=("--profile", "aspnet")) as client:
        progress = await client.event(
            "backend:startupProgress", where=lambda p: "the app reports that it has started, but" in p["message"]
        )
        assert "has no /nowhere (status 404)" in progress["message"]
        assert (await client.call("backend:status"))["state"] == "STARTING"


@pytest.mark.slow
async def test_an_app_that_stops_its_own_host_is_reported_to_have_done_so() -> None:
    async with SidecarClient(aspnet_backend(), flags=("--profile", "aspnet")) as client:
        port = (await ready(client))["port"]
        assert (await ask(port, "POST", "/api/system/shutdown"))[0] == 202
        crash = await client.event("backend:crash")
        assert (crash["code"], crash["kind"]) == (0, "clean_exit")
        assert crash["cause"].startswith("The app shut itself down (IHostApplicationLifetime.StopApplication")
        report = (await client.call("backend:crashReport", {"name": crash["name"]}))["report"]
        assert report.index("the app reports: started") < report.index("the app reports: stopping")
