"""A backend that another program runs: watched, reported, and never touched."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support import processes
from tests.support.backends import ask, free_port, http_backend, trouble
from tests.support.client import SidecarClient, failure

QUICK = {
    "timeouts.health_interval": 0.1,
    "health.provider_interval": 0.2,
    "health.probe_timeout": 0.5,
}


def sidecar(port: int, **flags: Any) -> SidecarClient:
    if "--profile" in flags.get("flags", ()):
        environment = {"SIDECAR_BACKEND__MANAGED": "false", "SIDECAR_BACKEND__URL": f"http://127.0.0.1:{port}"}
    else:
        environment = {"AURA_LAUNCH_BACKEND": "false", "AURA_BACKEND_URL": f"http://127.0.0.1:{port}"}
    return SidecarClient(settings=QUICK, env=environment, **flags)


@asynccontextmanager
async def another_programs(port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    command = [word.replace("{port}", str(port)) for word in http_backend()]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_it_is_watched_and_answers() -> None:
    port = free_port()
    async with another_programs(port), sidecar(port) as client:
        started = await client.call("backend:waitForReady")
        assert (started["port"], started["url"]) == (port, f"http://127.0.0.1:{port}")
        assert (await client.event("backend:healthUpdate"))["status"] == "healthy"
        await client.event("backend:providerUpdate")
        mark = client.mark()
        await trouble(port, "health?status=503")
        assert (await client.event("backend:healthUpdate", since=mark))["status"] == "unhealthy"
        status = await client.call("backend:status")
        assert (status["managed"], status["state"], status["running"]) == (False, "RUNNING", True)
        assert (await client.call("runtime:getBootstrap"))["backend"]["managedByElectron"] is False


async def test_nothing_that_would_touch_it_is_done() -> None:
    port = free_port()
    async with another_programs(port) as process:
        async with sidecar(port) as client:
            await client.call("backend:waitForReady")
            for channel in ("backend:start", "backend:restart", "backend:stop"):
                assert (await failure(client.call(channel))).code == "NOT_MANAGED"
            assert await client.call("sidecar:shutdown") == {"success": True}
        assert processes.is_alive(process.pid)
        assert (await ask(port, "GET", "/health/live"))[0] == 200


async def test_its_end_and_its_return_are_seen_however_often() -> None:
    port = free_port()
    async with sidecar(port) as client:
        status = await client.call("backend:status")
        assert (status["state"], status["running"], status["health"]) == ("STARTING", False, "unknown")
        for _ in range(5):
            mark = client.mark()
            async with another_programs(port):
                await client.state("RUNNING", since=mark)
                assert (await client.call("backend:status"))["running"] is True
                mark = client.mark()
            assert (await client.call("backend:status"))["running"] is False  # before the checks have failed, too
            await client.state("STARTING", since=mark)
        assert client.payloads("backend:crash") == []


async def test_without_any_endpoint_the_open_port_shows_whether_it_is_alive() -> None:
    port = free_port()
    async with sidecar(port, flags=["--profile", "generic"]) as client:
        async with another_programs(port):
            await client.state("RUNNING")
            assert (await client.call("backend:status"))["health"] == "unknown"
            mark = client.mark()
        await client.state("STARTING", since=mark)


async def test_without_an_address_it_is_a_configuration_error() -> None:
    client = SidecarClient(env={"AURA_LAUNCH_BACKEND": "false"}, expect_exit=78)
    async with client:
        error = await client.error("INVALID_CONFIG")
        assert "url" in error.message
        assert await client.wait_exit(10) == 78
