"""backend.socket = "pass": a crash or a restart refuses no connection; and what happens to a backend that misuses the socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.backends import CHILDREN, ask, free_port, has_ipv6
from tests.support.client import RemoteError, SidecarClient, failure
from tests.support.load import Load
from tests.support.processes import SLACK, until

pytestmark = pytest.mark.posix(reason="descriptors are inherited by their number")
SETTINGS = {
    "backend.socket": "pass",
    "restart.first_delay": 0,
    "restart.attempts": 1000,
    "timeouts.restart_delay": 0,
}


def handed(mode: str, *more: object) -> list[str]:
    return [sys.executable, "-I", "-S", str(CHILDREN / "handed.py"), mode, "{port}", *map(str, more)]


def passing(mode: str, *more: object, **settings: Any) -> SidecarClient:
    return SidecarClient(handed(mode, *more), settings={**SETTINGS, **settings}, flags=["--profile", "generic"])


async def crash(client: SidecarClient, pid: int) -> int:
    """Kills the run; returns the pid of the next one, once it is ready."""
    mark = client.mark()
    os.kill(pid, signal.SIGKILL)
    await client.state("RUNNING", since=mark)
    return int((await client.call("backend:status"))["pid"])


async def test_the_very_process_gets_the_socket_and_nothing_else_of_it() -> None:
    async with passing("serve") as client:
        ready = await client.call("backend:waitForReady")
        _, body = await ask(ready["port"], "GET", "/")
        assert body["LISTEN_PID"] == str(ready["pid"]) == str(body["pid"])
        assert (body["LISTEN_FDS"], body["LISTEN_FDNAMES"]) == ("1", "http")
        assert body["sockets"] == [3]
        assert body["NOTIFY_SOCKET"] is None
        status = await client.call("backend:status")
        assert (status["listener"], status["waitingConnections"]) == ("own", 0 if sys.platform == "linux" else None)


async def test_connections_wait_while_there_is_no_backend_and_are_refused_only_at_rest() -> None:
    async with passing("serve", restart__first_delay=600.0) as client:
        ready = await client.call("backend:waitForReady")
        port = ready["port"]
        os.kill(ready["pid"], signal.SIGKILL)
        await client.state("BACKOFF")
        checks = {one["check"]: one for one in await client.call("backend:diagnose")}
        assert checks["port"]["message"] == f"The sidecar holds port {port} for the backend"
        assert checks["passed_socket"]["status"] == "ok"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")  # asked before there is a new run
        again = await client.call("backend:start")
        assert str(again["pid"]).encode() in await reader.read()
        writer.close()
        await client.call("backend:stop")
        with pytest.raises(ConnectionRefusedError):
            await ask(port, "GET", "/")
        assert (await client.call("backend:start"))["port"] == port


async def test_a_killed_sidecar_leaves_the_port_free(tmp_path: Path) -> None:
    port = free_port()
    async with passing("serve", backend__port=port) as client:
        await client.call("backend:waitForReady")
        client.kill()
        await client.wait_exit()
        await until(lambda: _is_free(port))


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows who holds a socket, and who is whose parent")
async def test_only_the_sidecar_and_the_backend_hold_it_and_a_lost_guardian_changes_nothing() -> None:
    async with passing("serve") as client:
        ready = await client.call("backend:waitForReady")
        guardian = psutil.Process(ready["pid"]).parent()
        assert guardian.pid != client.hello["pid"]
        holders = [pid for pid in (client.hello["pid"], guardian.pid, ready["pid"]) if _holds(pid, ready["port"])]
        assert holders == [client.hello["pid"], ready["pid"]]
        mark = client.mark()
        guardian.kill()
        await client.state("RUNNING", since=mark)
        _, body = await ask(ready["port"], "GET", "/")
        assert body["pid"] != ready["pid"]
        assert body["LISTEN_PID"] == str(body["pid"])


def _holds(pid: int, port: int) -> bool:
    places = [one.laddr for one in psutil.Process(pid).net_connections("tcp4") if one.status == psutil.CONN_LISTEN]
    return ("127.0.0.1", port) in places


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and notifications are of Linux")
@pytest.mark.parametrize("level", [pytest.param("standard", marks=pytest.mark.slow), "strict"])
async def test_a_backend_in_a_sandbox_is_handed_the_same(level: str) -> None:
    settings = {"sandbox__level": level, "sandbox__read": [str(CHILDREN), sys.prefix, sys.base_prefix]}
    async with passing("notify", backend__notify=True, backend__autostart=False, **settings) as client:
        ready = await client.call("backend:start")
        pid = await crash(client, ready["pid"])
        assert (await ask(ready["port"], "GET", "/"))[1]["pid"] == pid


@pytest.mark.parametrize("how", ["pass", "none"])
@pytest.mark.slow
async def test_three_crashes_and_three_restarts_under_load(how: str) -> None:
    load = await crashes_and_restarts(3, how)
    assert (load.refused == 0) is (how == "pass"), load


@pytest.mark.long
@pytest.mark.heavy
@pytest.mark.parametrize("how", ["pass", "none"])
async def test_twenty_crashes_and_twenty_restarts_at_200_requests_a_second(how: str) -> None:
    load = await crashes_and_restarts(20, how)
    print(f"\nsocket = {how}: {load}")
    assert (load.refused == 0) is (how == "pass"), load


async def crashes_and_restarts(times: int, how: str) -> Load:
    async with passing("serve" if how == "pass" else "bind", backend__socket=how) as client:
        ready = await client.call("backend:waitForReady")
        port, pid = ready["port"], ready["pid"]
        async with Load(port, rate=200) as load:
            for _ in range(times):
                await asyncio.sleep(0.2)
                load.excuse()
                pid = await crash(client, pid)
            await load.settle()
            for _ in range(times):
                await asyncio.sleep(0.2)
                assert (await client.call("backend:restart"))["url"].endswith(f":{port}")
            await asyncio.sleep(0.2)
        assert load.answered > 100
        if how == "pass":
            # Those that came while there was no backend waited for the next, and a restart in good order breaks nothing.
            assert (load.late, load.broken) == (0, 0), load
        return load


# Misuse -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("bind", "tried to listen there itself"),
        ("try", "tried to listen there itself"),
        ("elsewhere", "listens itself on 127.0.0.1:"),
        pytest.param(
            "v6",
            "listens itself on [::1]:",
            marks=[pytest.mark.slow, pytest.mark.skipif(not has_ipv6(), reason="no ::1")],
        ),
        ("close", "it closed it"),
    ],
)
async def test_a_backend_that_does_not_use_it_is_named_within_three_seconds(mode: str, says: str) -> None:
    async with passing(mode, backend__autostart=False, restart__attempts=0) as client:
        began = time.monotonic()
        raised = await failure(client.call("backend:start"))
        assert time.monotonic() - began < 3.0 + SLACK
        assert raised.code == "SOCKET_UNUSED"
        assert says in raised.message
        assert "descriptor 3" in (raised.hint or "")
        assert ("for metrics" in (raised.hint or "")) == (mode == "elsewhere")
        reported = await client.event("backend:crash")
        assert says in (reported["cause"] or reported["text"])
        await client.state("FAILED")
        with pytest.raises(ConnectionRefusedError):
            await ask(raised.data["port"], "GET", "/")


async def test_a_second_port_beside_the_socket_is_not_misuse() -> None:
    async with passing("late") as client:
        await client.until(lambda: "not yet on the socket that was passed to it" in client.stderr_text, "warning")
        os.kill((await client.call("backend:status"))["pid"], signal.SIGUSR1)
        await client.call("backend:waitForReady")
        assert not client.payloads("backend:crash")


async def test_one_that_closes_it_later_is_unhealthy_and_a_restart_mends_that() -> None:
    async with passing("serve") as client:
        ready = await client.call("backend:waitForReady")
        await ask(ready["port"], "GET", "/close")
        reported = await client.event("backend:healthUpdate", lambda it: it["status"] == "unhealthy")
        assert f"no longer listens on port {ready['port']}" in reported["error"]
        await client.call("backend:restart")
        assert (await ask(ready["port"], "GET", "/"))[0] == 200


async def test_what_a_run_did_to_the_socket_does_not_harm_the_next() -> None:
    async with passing("serve") as client:
        ready = await client.call("backend:waitForReady")
        asking = asyncio.create_task(ask(ready["port"], "GET", "/shutdown"))
        await client.event("backend:crash")
        again = await client.call("backend:waitForReady")
        assert again["port"] == ready["port"]
        assert (await ask(again["port"], "GET", "/"))[1]["pid"] == again["pid"] != ready["pid"]
        await asyncio.wait([asking])
        assert asking.exception() is not None  # it was in the backend that died


async def test_a_daemon_that_keeps_it_is_ended_before_the_next_run() -> None:
    async with passing("daemon", restart__attempts=0) as client:
        reported = await client.event("backend:crash")
        assert "left others running" in reported["cause"]
        await client.state("FAILED")


async def test_a_stranger_that_was_sent_the_socket_cannot_keep_the_port(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with socket.socket(socket.AF_UNIX) as box:
        box.bind(str(path))
        box.listen()
        async with passing("smuggle", path) as client:
            ready = await client.call("backend:waitForReady")
            connection, _ = box.accept()
            with connection:
                _, fds, _, _ = socket.recv_fds(connection, 1, 1)
            try:
                await client.call("backend:stop")
                with pytest.raises(ConnectionRefusedError):
                    await ask(ready["port"], "GET", "/")
                assert _is_free(ready["port"])
            finally:
                os.close(fds[0])


async def test_a_port_of_another_program_is_reported_before_anything_is_launched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with passing("serve", backend__port=port, backend__autostart=False, restart__attempts=0) as client:
            with pytest.raises(RemoteError, match="PORT_IN_USE") as raised:
                await client.call("backend:start")
            assert raised.value.data["owner"]["pid"] == os.getpid()
