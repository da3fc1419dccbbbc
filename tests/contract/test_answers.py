"""Every channel's successful answer, with its exact keys and values, from the real process with a real backend."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from sidecar.wire.channels import CHANNELS
from tests.support import processes
from tests.support.backends import ask, http_backend
from tests.support.client import SidecarClient

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WINDOWS = sys.platform == "win32"
# What a channel is called with here; those that are missing are called with nothing.
CALLS: dict[str, list[Any]] = {
    "backend:logs": [{"lines": 10, "stream": "both"}],
    "backend:waitForReady": [{"timeout": 20}],
    "sidecar:ping": [{"any": ["thing", 1, None]}],
    "sidecar:subscribe": [["backend:log"]],
    "sidecar:unsubscribe": [["backend:log"]],
    "sidecar:power": ["suspend"],
}
NOT_HERE = {
    "backend:createFirewallRule": "asks for elevation on Windows and is unsupported elsewhere",
    "backend:crashReport": "needs the name of a report; the crash tests read one",
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def running() -> AsyncIterator[SidecarClient]:
    async with SidecarClient(http_backend(say="one\ntwo")) as client:
        await client.call("backend:waitForReady")
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[SidecarClient]:
    """A sidecar for tests that change nothing."""
    async with running() as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[SidecarClient]:
    async with running() as client:
        yield client


async def run_of(client: SidecarClient) -> tuple[str, int, int]:
    """Address, port and process of the run, as the backend reports them."""
    status = await client.call("backend:status")
    return f"http://127.0.0.1:{status['port']}", status["port"], status["pid"]


async def test_every_channel_answers_in_the_type_of_the_table(client: SidecarClient) -> None:
    names = [name for name in client.hello["channels"] if name not in NOT_HERE]
    names.sort(key=lambda name: name in {"backend:stop", "sidecar:shutdown"})  # these end the run, or everything
    for name in names:
        result = await client.call(name, *CALLS.get(name, []))
        if CHANNELS[name].result is not Any:
            msgspec.convert(result, CHANNELS[name].result, strict=True)


async def test_the_ways_to_start_and_wait_report_the_same_run(shared: SidecarClient) -> None:
    url, port, pid = await run_of(shared)
    assert processes.is_alive(pid)
    answer = {"success": True, "url": url, "port": port, "pid": pid}
    assert await shared.call("backend:start") == answer
    assert await shared.call("backend:waitForReady") == answer
    assert await shared.call("backend:waitForReady", {"timeout": 1}) == answer
    assert await shared.call("backend:getUrl") == url
    assert (await ask(port, "GET", "/health/live"))[0] == 200


async def test_health_and_ping(shared: SidecarClient) -> None:
    health = await shared.call("backend:health")
    assert set(health) == {"status", "data"}
    assert (health["status"], health["data"]["status"]) == ("healthy", "healthy")
    ping = await shared.call("backend:ping")
    assert set(ping) == {"success", "responseTime"}
    assert ping["success"] is True
    assert 0 < ping["responseTime"] < 2000  # milliseconds


@pytest.mark.parametrize(
    ("channel", "path"),
    [
        ("backend:info", "/api/info"),
        ("backend:version", "/api/version"),
        ("backend:providerStatus", "/api/provider-status"),
        ("backend:ffmpegStatus", "/api/ffmpeg/status"),
    ],
)
async def test_a_body_comes_as_the_backend_gave_it(shared: SidecarClient, channel: str, path: str) -> None:
    _, port, _ = await run_of(shared)
    _, body = await ask(port, "GET", path)
    assert {**await shared.call(channel), "lastUpdated": 0} == {**body, "lastUpdated": 0}


async def test_a_body_that_is_not_json_is_returned_as_text() -> None:
    async with SidecarClient(http_backend(body="<html>a web page, as some backends answer</html>")) as client:
        await client.call("backend:start")
        assert await client.call("backend:info") == "<html>a web page, as some backends answer</html>"


async def test_status_holds_facts(shared: SidecarClient) -> None:
    status = dict(await shared.call("backend:status"))
    pid = status["pid"]
    assert UTC.fullmatch(status.pop("since"))
    assert 0 <= status.pop("uptime") < 600
    assert status.pop("listener") in {"own", "unknown"}
    assert str(status["port"]) in status.pop("command")
    assert Path(status.pop("folder")).is_dir()
    assert status == {
        "running": True,
        "port": status["port"],
        "url": f"http://127.0.0.1:{status['port']}",
        "state": "RUNNING",
        "pid": pid,
        "health": status["health"],
        "restarts": 0,
        "lastExit": None,
        "managed": True,
        "exposed": [],
        "sharedDataFolder": False,
    }


async def test_status_after_a_stop(client: SidecarClient) -> None:
    before = await client.call("backend:status")
    assert await client.call("backend:stop") == {"success": True}
    assert not processes.is_alive(before["pid"])
    status = await client.call("backend:status")
    assert (status["running"], status["state"], status["pid"], status["uptime"]) == (False, "STOPPED", None, None)
    assert (status["url"], await client.call("backend:getUrl")) == (None, None)
    assert set(status["lastExit"]) == {"code", "signal", "text", "time", "expected"}
    assert status["lastExit"]["expected"] is True
    assert UTC.fullmatch(status["lastExit"]["time"])


async def test_a_restart_answers_with_the_address_of_another_process_and_each_event_is_counted(
    client: SidecarClient,
) -> None:
    url, _, pid = await run_of(client)
    mark = client.mark()
    assert await client.call("backend:restart") == {"success": True, "url": url}
    assert (await client.call("backend:status"))["pid"] != pid
    assert not processes.is_alive(pid)
    moves = [(it["state"], it["reason"]) for it in client.payloads("backend:stateChanged", mark)]
    assert moves == [("STOPPING", "requested"), ("STARTING", "requested"), ("RUNNING", "ready")]
    for channel in {message["channel"] for message in client.events}:
        numbers, missing = [], 0
        for message in client.events:
            if message["channel"] == channel:
                missing += message.get("dropped", 0)
                numbers.append(message["seq"])
                assert message["seq"] == len(numbers) + missing, channel


async def test_logs_are_the_last_lines(shared: SidecarClient) -> None:
    lines = await shared.call("backend:logs")
    assert [(line["stream"], line["text"]) for line in lines] == [("stderr", "one"), ("stderr", "two")]
    assert all(UTC.fullmatch(line["time"]) for line in lines)
    assert [line["text"] for line in await shared.call("backend:logs", {"lines": 1})] == ["two"]
    assert await shared.call("backend:logs", {"stream": "stdout"}) == []


async def test_the_bootstrap(shared: SidecarClient) -> None:
    url, port, pid = await run_of(shared)
    bootstrap = await shared.call("runtime:getBootstrap")
    assert bootstrap["backend"] == {
        "baseUrl": url,
        "port": port,
        "protocol": "http",
        "managedByElectron": True,
        "healthEndpoint": "/health/live",
        "readinessEndpoint": "/health/ready",
        "sseJobEventsTemplate": "/api/jobs/{id}/events",
        "pid": pid,
        "ready": True,
    }
    assert bootstrap["environment"] == {"mode": "production", "isPackaged": False, "version": shared.hello["sidecar"]}
    assert set(bootstrap["os"]) == {"platform", "release", "arch", "hostname"}
    assert bootstrap["os"]["platform"] == {"win32": "win32", "darwin": "darwin"}.get(sys.platform, "linux")
    assert set(bootstrap["paths"]) == {"userData", "temp", "logs"}
    assert Path(bootstrap["paths"]["userData"]).samefile(shared.data)
    assert await shared.call("runtime:getDiagnostics") == bootstrap


async def test_bootstrap_and_info_repeat_what_was_set_without_its_secrets() -> None:
    settings = {
        "app.mode": "development",
        "app.version": "7.8.9",
        "app.is_packaged": True,
        "backend.autostart": False,
        "backend.env": {"API_TOKEN": "hunter2", "PLAIN": "shown"},
    }
    async with SidecarClient(http_backend(), settings=settings) as client:
        bootstrap = await client.call("runtime:getBootstrap")
        assert bootstrap["environment"] == {"mode": "development", "isPackaged": True, "version": "7.8.9"}
        assert (bootstrap["backend"]["pid"], bootstrap["backend"]["ready"]) == (None, False)
        info = await client.call("sidecar:info")
        assert (info["pid"], info["version"], info["protocol"]) == (client.hello["pid"], client.hello["sidecar"], 1)
        assert 10**6 < info["memory"] < 10**9
        assert info["settings"]["backend"]["env"]["PLAIN"] == "shown"
        assert "hunter2" not in str(info)


async def test_the_address_is_known_from_the_first_move_on() -> None:
    async with SidecarClient(http_backend(listen_delay=1)) as client:
        starting = await client.state("STARTING")
        bootstrap = (await client.call("runtime:getBootstrap"))["backend"]
        assert starting["port"]
        assert (bootstrap["port"], bootstrap["baseUrl"]) == (starting["port"], starting["url"])
        assert bootstrap["ready"] is False


async def test_the_firewall_answers_of_other_systems(shared: SidecarClient) -> None:
    check = await shared.call("backend:checkFirewall", timeout=3 + processes.SLACK)
    assert check["compatible"] is True
    rule = await shared.call("backend:getFirewallRule", timeout=3 + processes.SLACK)
    command = await shared.call("backend:getFirewallCommand", timeout=1 + processes.SLACK)
    if WINDOWS:
        assert set(rule) <= {"exists", "details", "error"}
        assert isinstance(command, str)
    else:
        assert check == {"compatible": True, "message": "Not Windows"}
        assert rule == {"exists": None, "error": "Not Windows"}
        assert command is None


async def test_ping_returns_any_argument(shared: SidecarClient) -> None:
    values: list[Any] = [None, 0, -1, 2**53, 1.5, "ü\u0000", b"\x00\xff", [], {}, [1, [2, {"a": None}]]]
    for value in values:
        assert await shared.call("sidecar:ping", value) == value
    assert await shared.call("sidecar:ping") is None


async def logged(client: SidecarClient, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in [line["text"] for line in await client.call("backend:logs")]:
            await asyncio.sleep(0.01)


async def test_log_events_come_when_asked_for_and_only_then(client: SidecarClient) -> None:
    _, port, _ = await run_of(client)
    await ask(port, "POST", "/trouble/say?text=before")
    await logged(client, "before")  # the answer may be here sooner than what was said before it
    in_force = await client.call("sidecar:subscribe", ["backend:log"])
    assert "backend:log" in in_force["subscribed"]
    assert set(in_force["subscribed"]) <= set(client.hello["events"])
    await ask(port, "POST", "/trouble/say?text=after")
    line = await client.event("backend:log", lambda it: it["text"] == "after")
    assert line["stream"] == "stdout"
    in_force = await client.call("sidecar:unsubscribe", ["backend:log"])
    assert "backend:log" not in in_force["subscribed"]
    await ask(port, "POST", "/trouble/say?text=late")
    await logged(client, "late")
    assert not {"before", "late"} & {it["text"] for it in client.payloads("backend:log")}


@pytest.mark.posix(reason="file names are bytes there; on Windows they are text")
@pytest.mark.slow
async def test_every_channel_answers_with_a_data_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    data = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    data.mkdir()
    async with SidecarClient(http_backend(say="one"), data=data) as client:
        await client.call("backend:waitForReady")
        names = [name for name in client.hello["channels"] if name not in NOT_HERE]
        names.sort(key=lambda name: name in {"backend:stop", "sidecar:shutdown"})
        for name in names:
            if name == "backend:stop":
                os.kill((await client.call("backend:status"))["pid"], signal.SIGKILL)
                crash = await client.event("backend:crash")
                report = await client.call("backend:crashReport", {"name": crash["name"]})
                assert report["report"]
                assert [path.name for path in data.glob("sidecar-run-*.json")]
            await client.call(name, *CALLS.get(name, []))
    assert "could not" not in client.stderr_text
    assert b"one" in b"".join(path.read_bytes() for path in data.glob("logs/backend/*.log"))
    assert "RUNNING" in (data / "logs" / "sidecar.log").read_text("utf-8")
