"""backend.notify: what a backend reports as to systemd, and that nothing but the backend can."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import CHILDREN, ask
from tests.support.client import RemoteError, SidecarClient
from tests.support.processes import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux names the sender of a datagram")


def notifying(*words: str, **settings: Any) -> SidecarClient:
    command = [sys.executable, "-I", "-S", str(CHILDREN / "notifier.py"), "{port}", *words]
    settings = {"backend.notify": True, **settings}
    return SidecarClient(command, settings=settings, flags=["--profile", "generic"])


async def say(client: SidecarClient, path: str) -> Any:
    status = await client.call("backend:status")
    return (await ask(status["port"], "GET", path))[1]


def address_in(answer: Any) -> str:
    text = str(answer["NOTIFY_SOCKET"])
    return "\0" + text[1:] if text.startswith("@") else text


async def test_ready_is_what_the_backend_says_and_not_its_open_port() -> None:
    async with notifying(timeouts__startup=60) as client:
        await client.event("backend:startupProgress")
        status = await client.call("backend:status")
        await until(lambda: not _refuses(status["port"]))
        with pytest.raises(RemoteError, match="STARTUP_TIMEOUT"):
            await client.call("backend:waitForReady", {"timeout": 0.5})
        answer = await say(client, "/say/READY=1")
        assert (await client.call("backend:waitForReady"))["pid"] == (await client.call("backend:status"))["pid"]
        assert answer["WATCHDOG_USEC"] is None
        assert Path(answer["NOTIFY_SOCKET"]).parent == client.data
    assert not Path(answer["NOTIFY_SOCKET"]).exists()


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_live_path_still_counts_and_status_is_shown_as_progress() -> None:
    async with notifying("STATUS=loading%20the%20model%20%E2%9C%93", backend__live_path="/") as client:
        await client.event("backend:startupProgress", lambda it: it["message"] == "loading the model ✓")
        await client.call("backend:waitForReady")


@pytest.mark.slow
async def test_a_start_takes_as_long_as_the_backend_asks_for() -> None:
    async with notifying("EXTEND_TIMEOUT_USEC=60000000", timeouts__startup=3.0) as client:
        with pytest.raises(RemoteError, match="it is still starting"):
            await client.call("backend:waitForReady", {"timeout": 4.0})
        await say(client, "/say/READY=1")
        await client.call("backend:waitForReady")


async def test_without_ready_the_start_ends_and_says_why() -> None:
    async with notifying(timeouts__startup=1.0, backend__autostart=False, restart__attempts=0) as client:
        with pytest.raises(RemoteError, match="it sent no READY=1") as raised:
            await client.call("backend:start")
        assert "NOTIFY_SOCKET" in (raised.value.hint or "")


@pytest.mark.parametrize("how", ["silent", "trigger"])
async def test_a_watchdog_that_is_not_fed_means_hung_and_a_restart(how: str) -> None:
    limit = 1.0 if how == "silent" else 3600.0
    settings = {"health__watchdog": limit, "health__restart_when_hung": True, "timeouts__health_interval": 0.1}
    async with notifying("READY=1", **settings, restart__first_delay=60) as client:
        first = await client.call("backend:waitForReady")
        answer = await say(client, "/say/WATCHDOG=1")
        assert answer["WATCHDOG_USEC"] == str(round(limit * 1_000_000))
        assert answer["WATCHDOG_PID"] == str(first["pid"])
        if how == "trigger":
            await say(client, "/say/WATCHDOG=trigger")
        reported = await client.event("backend:crash")
        assert ("WATCHDOG=trigger" if how == "trigger" else "no WATCHDOG=1 for 1 s") in reported["cause"]
        health = client.payloads("backend:healthUpdate")[-1]
        assert health["status"] == "unhealthy"


@pytest.mark.slow
async def test_a_watchdog_that_is_fed_keeps_it_well() -> None:
    async with notifying("READY=1", health__watchdog=1.0, timeouts__health_interval=0.1) as client:
        await client.call("backend:waitForReady")
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            await say(client, "/say/WATCHDOG=1")
        assert not client.payloads("backend:healthUpdate")


async def test_a_backend_that_is_stopping_is_not_hung() -> None:
    settings = {"health__watchdog": 1.0, "health__restart_when_hung": True, "timeouts__health_interval": 0.1}
    async with notifying("READY=1", **settings, timeouts__graceful_shutdown=2.5) as client:
        await client.call("backend:waitForReady")
        began = time.monotonic()
        await say(client, "/say/STOPPING=1")
        reported = await client.event("backend:crash")  # it did not end, after all
        assert time.monotonic() - began > 2.0
        assert "no WATCHDOG=1" in reported["cause"]


@pytest.mark.slow
async def test_a_stop_takes_as_long_as_the_backend_asks_for(tmp_path: Path) -> None:
    code = (
        "import os, signal, socket, sys, time\n"
        "channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); channel.connect(os.environ['NOTIFY_SOCKET'])\n"
        "def end(*_):\n"
        "    channel.send(b'STOPPING=1\\nEXTEND_TIMEOUT_USEC=20000000'); time.sleep(3); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); channel.send(b'READY=1'); signal.pause()\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code, "{port}"]
    settings = {"backend.notify": True, "timeouts.graceful_shutdown": 0.5}
    async with SidecarClient(command, settings=settings, flags=["--profile", "generic"]) as client:
        await client.call("backend:waitForReady")
        assert await client.call("backend:stop") == {"success": True}  # nothing was killed
        assert (await client.call("backend:status"))["lastExit"]["code"] == 0


# Bad input --------------------------------------------------------------------------------------------------------------


async def test_a_child_of_the_backend_may_speak_for_it() -> None:
    async with notifying() as client:
        await client.event("backend:startupProgress")
        await until(lambda: not _refuses(_port(client)))
        await say(client, "/fork/READY=1")
        await client.call("backend:waitForReady")


def _port(client: SidecarClient) -> int:
    return int(client.payloads("backend:stateChanged")[-1]["port"])


async def test_another_process_is_not_believed() -> None:
    async with notifying() as client:
        await client.event("backend:startupProgress")
        await until(lambda: not _refuses(_port(client)))
        address = address_in(await say(client, "/"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as forger:
            for _ in range(30):
                forger.sendto(b"READY=1\nSTATUS=forged", address)
        sentence = f"it came from process {os.getpid()}, which is not part of the backend"
        await until(lambda: sentence in client.stderr_text)
        assert client.stderr_text.count(sentence) == 1
        with pytest.raises(RemoteError, match="STARTUP_TIMEOUT"):
            await client.call("backend:waitForReady", {"timeout": 0.3})
        assert all(it["message"] != "forged" for it in client.payloads("backend:startupProgress"))
        await say(client, "/say/READY=1")
        await client.call("backend:waitForReady")


async def test_an_unreadable_notification_is_reported_and_affects_nothing_else() -> None:
    async with notifying() as client:
        await client.event("backend:startupProgress")
        await until(lambda: not _refuses(_port(client)))
        await say(client, "/say/STATUS=" + "x" * 5000)
        await until(lambda: "it has more than 4096 bytes" in client.stderr_text)
        await say(client, "/say/STATUS=half%20%FF%1B[31m,EXTEND_TIMEOUT_USEC=soon")
        await until(lambda: "is not UTF-8" in client.stderr_text)
        assert "EXTEND_TIMEOUT_USEC of the backend is not a number" in client.stderr_text
        shown = await client.event("backend:startupProgress", lambda it: it["message"].startswith("half"))
        assert shown["message"].isprintable()
        await say(client, "/say/FDSTORE=1,MAINPID=1,RELOADING=1,BARRIER=1,%00%01,READY=1")
        await client.call("backend:waitForReady")


async def test_descriptors_that_come_with_it_are_closed() -> None:
    async with notifying() as client:
        await client.event("backend:startupProgress")
        await until(lambda: not _refuses(_port(client)))
        await say(client, "/many/1")  # what is opened once
        before = _descriptors(client)
        for _ in range(5):
            await say(client, "/many/250")
        await say(client, "/say/READY=1")
        await client.call("backend:waitForReady")
        assert _descriptors(client) <= before + 3  # not 1250 more


def _descriptors(client: SidecarClient) -> int:
    return len(list(Path(f"/proc/{client.hello['pid']}/fd").iterdir()))


async def test_a_killed_sidecar_leaves_no_socket_for_long(tmp_path: Path) -> None:
    for _ in range(2):
        command = [sys.executable, "-I", "-S", str(CHILDREN / "notifier.py"), "{port}", "READY=1"]
        client = SidecarClient(
            command, settings={"backend.notify": True}, flags=["--profile", "generic"], data=tmp_path, expect_exit=None
        )
        async with client:
            await client.call("backend:waitForReady")
            assert len(list(tmp_path.glob("notify-*"))) == 1
            os.kill(client.hello["pid"], signal.SIGKILL)
            await client.wait_exit()


async def test_a_long_data_folder_gets_an_abstract_name(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 100)
    command = [sys.executable, "-I", "-S", str(CHILDREN / "notifier.py"), "{port}", "READY=1"]
    settings = {"backend.notify": True}
    async with SidecarClient(
        command, settings=settings, flags=["--profile", "generic"], data=data, cwd=tmp_path
    ) as client:
        await client.call("backend:waitForReady")
        assert (await say(client, "/"))["NOTIFY_SOCKET"].startswith("@")
