"""Every channel's failure: the exact text that existing renderers match on, its code and its time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import free_port, http_backend, script_backend, trouble
from tests.support.client import RemoteError, SidecarClient, failure

PREFIX = {
    "backend:info": "Failed to get backend info",
    "backend:version": "Failed to get backend version",
    "backend:providerStatus": "Failed to get provider status",
    "backend:ffmpegStatus": "Failed to get FFmpeg status",
}
LIMITS = {"backend:info": 5, "backend:version": 5, "backend:providerStatus": 10, "backend:ffmpegStatus": 5}  # seconds


async def port_of(client: SidecarClient) -> int:
    port: int = (await client.call("backend:waitForReady"))["port"]
    return port


@pytest.mark.parametrize("ran_before", [False, True], ids=["never", "before"])
async def test_while_nothing_runs_every_http_channel_is_refused_at_the_last_port(ran_before: bool) -> None:
    async with SidecarClient(http_backend(), settings={"backend.autostart": ran_before}) as client:
        port = 0
        if ran_before:
            port = await port_of(client)
            await client.call("backend:stop")
        text = f"connect ECONNREFUSED 127.0.0.1:{port}"
        assert await client.call("backend:health") == {"status": "unhealthy", "error": text}
        assert await client.call("backend:ping") == {"success": False, "error": text}
        for channel, prefix in PREFIX.items():
            error = await failure(client.call(channel))
            assert (error.message, error.code, error.data) == (f"{prefix}: {text}", "HTTP_FAILED", {"status": None})
            assert error.hint


@pytest.mark.posix(reason="the backend closes its port on a signal")
async def test_without_an_endpoint_a_backend_that_listens_is_healthy() -> None:
    """The backend counts as ready then; most users' first settings name no endpoint, and many servers have nothing at /."""
    code = "import signal, socket; s = socket.create_server(('127.0.0.1', {port})); signal.signal(signal.SIGUSR1, lambda *_: s.close())\nwhile True: signal.pause()"
    env = {"SIDECAR_PROFILE": None}
    async with SidecarClient(script_backend(code), settings={"timeouts.health_interval": 0.1}, env=env) as client:
        ready = await client.call("backend:waitForReady")
        assert await client.call("backend:health") == {"status": "healthy"}
        assert await client.call("backend:ping") == {"success": True}
        os.kill(ready["pid"], signal.SIGUSR1)
        await client.event("backend:healthUpdate", lambda health: health["status"] == "unhealthy")
        text = f"connect ECONNREFUSED 127.0.0.1:{ready['port']}"
        assert await client.call("backend:health") == {"status": "unhealthy", "error": text}
        assert await client.call("backend:ping") == {"success": False, "error": text}


async def test_an_error_status_is_reported_with_the_contracts_message() -> None:
    async with SidecarClient(http_backend(info_status=503)) as client:
        port = await port_of(client)
        error = await failure(client.call("backend:info"))
        assert error.message == "Failed to get backend info: Request failed with status code 503"
        assert (error.code, error.data) == ("HTTP_FAILED", {"status": 503})
        await trouble(port, "health?status=500")
        text = "Request failed with status code 500"
        assert await client.call("backend:health") == {"status": "unhealthy", "error": text}
        assert await client.call("backend:ping") == {"success": False, "error": text}


async def test_a_backend_that_dies_in_the_middle_of_an_answer_hangs_up() -> None:
    async with SidecarClient(http_backend(answer_delay=1.5)) as client:
        port = await port_of(client)
        asked = [client.request(channel) for channel in PREFIX]
        await trouble(port, "crash?kind=7&afterMs=700")
        for answer, prefix in zip(asked, PREFIX.values(), strict=True):
            assert (await failure(answer)).message == f"{prefix}: socket hang up"


@pytest.mark.slow
async def test_each_http_channel_gives_up_at_its_own_limit() -> None:
    async with SidecarClient(http_backend(), settings={"timeouts.shutdown_request": 0.1}) as client:
        port = await port_of(client)
        await trouble(port, "hang?ms=60000")

        async def timed(channel: str) -> tuple[float, Any]:
            began = time.monotonic()
            try:
                answer = await client.call(channel)
            except RemoteError as error:
                answer = error.message
            return time.monotonic() - began, answer

        channels = ["backend:health", "backend:ping", *PREFIX]
        answers = dict(zip(channels, await asyncio.gather(*map(timed, channels)), strict=True))
    assert answers["backend:health"][1] == {"status": "unhealthy", "error": "timeout of 5000ms exceeded"}
    assert answers["backend:ping"][1] == {"success": False, "error": "timeout of 2000ms exceeded"}
    for channel, prefix in PREFIX.items():
        assert answers[channel][1] == f"{prefix}: timeout of {LIMITS[channel]}000ms exceeded"
    for channel, limit in {"backend:health": 5, "backend:ping": 2, **LIMITS}.items():
        assert limit - 0.1 <= answers[channel][0] < limit + processes.SLACK, channel


async def test_an_endpoint_that_the_backend_lacks_is_reported_as_missing() -> None:
    async with SidecarClient(http_backend(), flags=["--profile", "generic"]) as client:
        await client.call("backend:start")
        error = await failure(client.call("backend:info"))
        assert error.message.startswith("Failed to get backend info: ")
        assert error.code == "HTTP_FAILED"
        assert "backend.info_path" in (error.hint or "")


async def test_a_body_that_does_not_fit_into_a_frame_is_an_error_of_its_own_and_the_next_call_works() -> None:
    async with SidecarClient(http_backend(body_bytes=100_000), flags=["--max-frame", "65536"]) as client:
        await client.call("backend:start")
        assert (await failure(client.call("backend:info"))).code == "RESULT_TOO_LARGE"
        assert (await client.call("backend:version"))["semanticVersion"] == "1.2.3"


async def test_a_body_above_eight_mebibytes_is_refused() -> None:
    async with SidecarClient(http_backend(body_bytes=9 * 2**20)) as client:
        await client.call("backend:start")
        error = await failure(client.call("backend:info"))
        assert error.code == "HTTP_FAILED"
        assert error.message.startswith("Failed to get backend info: ")


async def test_a_restart_whose_run_dies_before_it_is_ready_is_answered_with_that() -> None:
    backend = http_backend(crash="9", crash_after=0, live_status=503)
    async with SidecarClient(backend, settings={"backend.autostart": False, "restart.attempts": 0}) as client:
        error = await failure(client.call("backend:restart"))
        assert error.message.startswith("Failed to restart backend: ")
        assert error.code == "BACKEND_EXITED"
        assert set(error.data) == {"code", "signal", "text", "output"}
        assert error.data["code"] == 9


async def test_start_and_wait_after_a_failure_report_the_same_cause_without_a_prefix() -> None:
    backend = http_backend(exit_before_listening=3, say="the reason")
    async with SidecarClient(backend, settings={"restart.attempts": 0}) as client:
        await client.state("FAILED")
        error = await failure(client.call("backend:waitForReady"))
        assert error.code in {"BACKEND_EXITED", "RESTARTS_EXHAUSTED"}
        error = await failure(client.call("backend:start"))
        assert error.code == "BACKEND_EXITED"
        assert error.message[0].isupper()
        assert "Failed to" not in error.message
        assert "the reason" in (error.data or {})["output"]


async def test_a_fixed_port_in_use_names_its_owner() -> None:
    port = free_port()
    async with SidecarClient(http_backend(), settings={"backend.port": port}) as first:
        pid = (await first.call("backend:start"))["pid"]
        async with SidecarClient(http_backend(), settings={"backend.port": port}) as second:
            error = await failure(second.call("backend:start"))
            assert error.code == "PORT_IN_USE"
            assert error.data["port"] == port
            if error.data["owner"] is not None:
                assert error.data["owner"]["pid"] == pid
        assert processes.is_alive(pid)


async def test_waiting_for_a_slow_backend_gives_up_at_the_callers_limit() -> None:
    async with SidecarClient(http_backend(listen_delay=3)) as client:
        began = time.monotonic()
        error = await failure(client.call("backend:waitForReady", {"timeout": 0.3}))
        assert error.code == "STARTUP_TIMEOUT"
        assert error.data["timeout"] == 0.3
        assert 0.3 <= time.monotonic() - began < 0.3 + processes.SLACK
        assert (await client.call("backend:status"))["state"] == "STARTING"
        assert (await client.call("backend:waitForReady"))["success"] is True


async def test_a_stop_that_is_waited_for_reports_the_other_waiters_that_they_are_cancelled() -> None:
    async with SidecarClient(http_backend(listen_delay=30)) as client:
        await client.state("STARTING")
        waiting = {channel: client.request(channel) for channel in ("backend:start", "backend:waitForReady")}
        assert await client.call("backend:stop") == {"success": True}
        for channel, answer in waiting.items():
            assert (await failure(answer)).code == "CANCELLED", channel
