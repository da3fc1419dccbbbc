"""The HTTP side against the real ASP.NET Core server."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from sidecar.backend.client import BackendClient
from sidecar.backend.command import find_command
from sidecar.backend.environment import backend_environment
from sidecar.backend.ports import choose_port
from sidecar.backend.probe import ProbeResult, next_port_check_delay, next_probe_delay, probe, significant
from sidecar.backend.reported import ReportedAddress
from sidecar.core.bind_failure import bind_failure
from sidecar.errors import HttpFailedError
from sidecar.process.platform.ports import is_listening
from sidecar.settings.load import load
from sidecar.settings.paths import resolve_paths
from tests.support.backends import aspnet_backend, aspnet_missing

pytestmark = pytest.mark.skipif(bool(aspnet_missing()), reason=aspnet_missing())

LIMIT = 60.0
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children: list[subprocess.Popen[bytes]] = []

    def run(port: int, **trouble: object) -> subprocess.Popen[bytes]:
        overrides = [f"paths.data={tmp_path}", *(f"backend.env.{name}={value}" for name, value in trouble.items())]
        settings = load(environ={}, command=aspnet_backend(), overrides=overrides).settings
        env = backend_environment(settings, resolve_paths(settings), port, os.environ)
        command = find_command(settings, env)
        with (tmp_path / "output").open("wb") as output:
            child = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.wait(LIMIT)


@pytest.fixture
async def client() -> AsyncIterator[BackendClient]:
    one = BackendClient(choose_port())
    yield one
    await one.close()


async def ready(client: BackendClient, path: str = "/health/live") -> ProbeResult:
    """Like a start: connects until a listener is there, then sends the request."""
    assert client.port is not None
    begun = time.monotonic()
    while not is_listening(client.port):
        elapsed = time.monotonic() - begun
        assert elapsed < LIMIT
        await asyncio.sleep(next_port_check_delay(elapsed))
    while not (result := await probe(client, path, 5.0)).ok:
        elapsed = time.monotonic() - begun
        assert elapsed < LIMIT, result
        await asyncio.sleep(next_probe_delay(elapsed, 1.0))
    return result


async def test_it_gets_ready_on_the_port_of_its_environment_and_answers_as_the_contract_says(
    client: BackendClient, start: Start
) -> None:
    start(client.port)
    assert (await ready(client)).body["status"] == "healthy"
    assert (await client.get("/api/version", timeout=5)).body["semanticVersion"] == "1.4.2"
    assert (await client.get("/api/ffmpeg/status", timeout=5)).body["installed"] is False
    missing = await probe(client, "/api/info", 5)
    assert (missing.status, missing.error) == (404, "Request failed with status code 404")

    first, second = [(await client.get("/api/provider-status", timeout=10)).body for _ in range(2)]
    assert first != second
    assert significant(first, ("lastUpdated",)) == significant(second, ("lastUpdated",))
    await client.post("/trouble/provider?online=false", timeout=5)
    changed = (await client.get("/api/provider-status", timeout=10)).body
    assert significant(first, ("lastUpdated",)) != significant(changed, ("lastUpdated",))


@pytest.mark.slow
async def test_a_readiness_of_503_a_hang_and_a_stop_are_reported_with_the_contracts_messages(
    client: BackendClient, start: Start
) -> None:
    child = start(client.port)
    await ready(client)
    await client.post("/trouble/ready?value=false", timeout=5)
    assert (await probe(client, "/health/ready", 5)).error == "Request failed with status code 503"
    assert (await probe(client, "/health/live", 5)).ok
    await client.post("/trouble/hang?ms=2000", timeout=5)
    assert (await probe(client, "/health/live", 0.2)).error == "timeout of 200ms exceeded"
    with pytest.raises(HttpFailedError, match="timeout of 200ms exceeded"):
        await client.get("/api/logs/stream", timeout=0.2)
    child.kill()
    await asyncio.to_thread(child.wait, LIMIT)
    assert (await probe(client, "/health/live", 5)).error == f"connect ECONNREFUSED 127.0.0.1:{client.port}"


@pytest.mark.slow
async def test_a_death_in_mid_request_is_a_hang_up(client: BackendClient, start: Start) -> None:
    child = start(client.port)
    await ready(client)
    asking = asyncio.create_task(probe(client, "/api/logs/stream", LIMIT))
    assert (await probe(client, "/health/live", 5)).ok  # the other request went out before this one
    child.kill()
    assert (await asking).error == "socket hang up"


async def test_the_shutdown_endpoint_answers_202_and_ends_it(client: BackendClient, start: Start) -> None:
    child = start(client.port)
    await ready(client)
    assert (await client.post("/api/system/shutdown?force=false", timeout=5)).status == 202
    assert await asyncio.to_thread(child.wait, LIMIT) == 0


@pytest.mark.slow
async def test_a_port_of_its_own_choice_is_read_from_its_output(
    client: BackendClient, start: Start, tmp_path: Path
) -> None:
    start(0)
    reported = ReportedAddress(load(environ={}).settings.backend.reported_pattern)
    begun = time.monotonic()
    with (tmp_path / "output").open("rb") as output:
        while (port := reported.feed(output.read(16))) is None:
            assert time.monotonic() - begun < LIMIT
            await asyncio.sleep(0.002)
            output.seek(output.tell())  # Wine's C library remembers the end of a file until a seek
    client.port = port
    assert (await probe(client, "/health/live", 10)).ok


def test_an_occupied_port_is_recognised_in_its_last_words(start: Start, tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen(1)
        port = stranger.getsockname()[1]
        assert start(port).wait(LIMIT) != 0
    output = (tmp_path / "output").read_bytes()
    assert bind_failure(output, port) == "in_use", output
    assert bind_failure(output, port + 1) is None


def test_a_crash_before_it_listens_is_not_blamed_on_the_port(start: Start, tmp_path: Path) -> None:
    port = choose_port()
    assert start(port, TROUBLE_CRASH_BEFORE_LISTENING=1).wait(LIMIT) != 0
    assert bind_failure((tmp_path / "output").read_bytes(), port) is None
