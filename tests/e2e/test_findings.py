"""Defects that reviewers found stay fixed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.backends import free_port, http_backend, script_backend
from tests.support.client import SidecarClient, failure

STUBBORN = {"ignore_sigterm": True, "ignore_shutdown": True}


@pytest.mark.posix(reason="resource limits")
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux only")
async def test_a_sidecar_that_ran_out_of_descriptors_recovers_when_they_are_back() -> None:
    import resource

    async with SidecarClient(http_backend(), settings={"timeouts.restart_delay": 0.2}) as client:
        started = await client.call("backend:waitForReady")
        pid = client.hello["pid"]
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        os.kill(started["pid"], signal.SIGKILL)
        await client.event("backend:stateChanged", where=lambda change: change["state"] in {"BACKOFF", "FAILED"})
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert (await client.call("backend:start"))["success"] is True
        assert await client.call("backend:stop") == {"success": True}


@pytest.mark.posix(reason="resource limits")
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux only")
async def test_a_sidecar_without_descriptors_takes_its_backend_for_neither_gone_nor_foreign() -> None:
    import resource

    settings = {"timeouts.health_interval": 0.05, "health.failures": 2, "resources.interval": 0.1}
    async with SidecarClient(http_backend(), settings=settings) as client:
        started = await client.call("backend:waitForReady")
        await client.event("backend:healthUpdate")
        pid, mark = client.hello["pid"], client.mark()
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        for _ in range(20):  # each longer than one health interval
            await asyncio.sleep(0.1)
            status = await client.call("backend:status")
            assert (status["state"], status["pid"], status["listener"]) == ("RUNNING", started["pid"], "unknown")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        async with asyncio.timeout(60):
            while (await client.call("backend:status"))["listener"] != "own":
                await asyncio.sleep(0.05)
        assert client.payloads("backend:stateChanged", mark) == []
        assert [
            update for update in client.payloads("backend:healthUpdate", mark) if update["status"] != "healthy"
        ] == []


@pytest.mark.not_wine(reason="Wine does not report the owner of a socket")
@pytest.mark.parametrize(
    "address",
    [
        "::1",
        pytest.param("::", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows IPV6_V6ONLY")),
    ],
)
async def test_a_listener_for_ipv6_alone_does_not_make_a_stranger_ours(address: str) -> None:
    port = free_port()
    code = (
        "import _socket as s, time\n"
        "l = s.socket(s.AF_INET6); l.setsockopt(s.IPPROTO_IPV6, s.IPV6_V6ONLY, 1)\n"
        f"l.bind(('{address}', {port})); l.listen(); time.sleep(600)\n"
    )
    settings = {"backend.port": port, "backend.autostart": False, "restart.attempts": 0}
    async with SidecarClient(script_backend(code), settings=settings, flags=["--profile", "generic"]) as client:
        start = client.request("backend:start")
        await client.event("backend:startupProgress", where=lambda progress: progress["phase"] == "waiting")
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", port))
            stranger.listen()
            error = await failure(start)
            assert error.code == "PORT_FOREIGN"
            assert error.data == {"port": port, "owner": {"pid": os.getpid(), "name": error.data["owner"]["name"]}}


async def test_the_end_of_stdin_is_seen_after_a_framing_error() -> None:
    settings = {"timeouts.graceful_shutdown": 20}
    async with SidecarClient(http_backend(**STUBBORN), settings=settings, expect_exit=65) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        client.send_raw(b"\xff" * 64)
        await client.error("FRAME_ERROR")
        client.close_stdin()
        ended = time.monotonic()
        assert await client.wait_exit() == 65
        assert time.monotonic() - ended < 2 + processes.SLACK
        assert not processes.is_alive(pid)


@pytest.mark.posix(reason="SIGTERM")
async def test_a_signal_right_after_hello_is_a_clean_end(tmp_path: Path) -> None:
    for delay in (0.0, 0.01, 0.03, 0.06):
        async with SidecarClient(http_backend(), data=tmp_path) as client:
            await asyncio.sleep(delay)
            os.kill(client.hello["pid"], signal.SIGTERM)
            assert await client.wait_exit() == 0


async def test_a_secret_of_the_command_stays_out_of_causes_answers_and_logs() -> None:
    secret = "zzsecretzz"
    code = "import sys; sys.exit('could not use ' + sys.argv[1])"
    command = [*script_backend(code), f"--api-key={secret}"]
    settings = {"restart.attempts": 0, "backend.autostart": False}
    async with SidecarClient(command, settings=settings) as client:
        error = await failure(client.call("backend:start"))
        crash = await client.event("backend:crash")
        for reported in (error.data, error.message, crash, await client.call("sidecar:info")):
            assert secret not in str(reported)
    assert secret not in client.stderr_text


async def test_an_address_is_not_read_across_two_streams() -> None:
    port = free_port()
    code = (
        "import sys, time, _socket as s\n"
        f"l = s.socket(); l.bind(('127.0.0.1', {port})); l.listen()\n"
        f"text = 'Now listening on: http://127.0.0.1:{port}'\n"
        "sys.stdout.write(text[:-2]); sys.stdout.flush(); time.sleep(0.2)\n"
        "sys.stderr.write('1 warning\\n'); sys.stderr.flush(); time.sleep(0.2)\n"
        "sys.stdout.write(text[-2:] + '\\n'); sys.stdout.flush(); time.sleep(600)\n"
    )
    flags = ["--profile", "generic"]
    async with SidecarClient(script_backend(code), settings={"backend.port": "reported"}, flags=flags) as client:
        assert (await client.call("backend:waitForReady"))["port"] == port


async def test_a_second_sidecar_takes_a_port_of_its_own_while_the_first_still_boots(tmp_path: Path) -> None:
    async with SidecarClient(http_backend(), data=tmp_path) as before:
        await before.call("backend:waitForReady")
    async with SidecarClient(http_backend(listen_delay=1.5), data=tmp_path) as first:
        chosen = (await first.event("backend:stateChanged"))["port"]
        async with SidecarClient(http_backend(), data=tmp_path) as second:
            assert (await second.call("backend:waitForReady"))["port"] != chosen
        assert (await first.call("backend:waitForReady"))["port"] == chosen
