"""A request leaves nothing at the server: no connection, no TIME_WAIT on its port, nothing in its log."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

from sidecar.backend import connection
from sidecar.backend.client import BackendClient
from sidecar.errors import HttpFailedError
from tests.support.backends import CHILDREN, free_port
from tests.support.processes import until

pytestmark = pytest.mark.posix(
    reason="the children end by SIGTERM, and the states of connections are read as POSIX has them"
)

NODE = shutil.which("node")
PROBES = 5


@pytest.fixture
async def client() -> AsyncIterator[BackendClient]:
    one = BackendClient(free_port())
    yield one
    await one.close()


@contextmanager
def serving(mode: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A child that listens; its output shows its errors."""
    folder = CHILDREN / "http"
    command = (
        [str(NODE), str(folder / "old_node.js")]
        if mode == "node"
        else [sys.executable, str(folder / "strict.py"), mode]
    )
    child = subprocess.Popen([*command, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert child.stdout.readline() == "listening\n", child.stdout.read()
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def on_port(port: int) -> list[str]:
    """The states of the sockets with that port, except the listener."""
    found = psutil.net_connections("tcp") if sys.platform == "linux" else psutil.Process().net_connections("tcp")
    return [each.status for each in found if each.laddr and each.laddr[1] == port and each.status != psutil.CONN_LISTEN]


async def probe_often(client: BackendClient) -> None:
    for _ in range(PROBES):
        with suppress(HttpFailedError):
            await client.get("/", timeout=60)
    with suppress(HttpFailedError):
        await client.post("/", timeout=60)
    await client.options("/", timeout=60) if client.port else None


MODES = ["single", "joining", "noreuse", "old", "closing", "failing", "hidden"]
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.mark.parametrize("mode", [*MODES, pytest.param("node", marks=needs_node)])
async def test_nothing_of_a_request_is_left_at_the_server(client: BackendClient, mode: str) -> None:
    port = client.port or 0
    with serving(mode, port) as child:
        await probe_often(client)
        await until(lambda: not on_port(port), what=lambda: on_port(port))
        child.send_signal(signal.SIGTERM)
        said, _ = await asyncio.to_thread(child.communicate, timeout=60)  # it saves at once: it waits for no connection
        assert said == "saved\n"


async def test_a_server_with_one_thread_is_free_for_others_between_requests(client: BackendClient) -> None:
    with serving("single", client.port or 0):
        await client.get("/", timeout=60)
        other = BackendClient(client.port)
        assert (await other.get("/", timeout=60)).body == "ok"
        await client.get("/", timeout=60)
        await other.close()


@pytest.mark.parametrize("mode", ["noreuse", "single"])
async def test_a_port_can_be_had_again_at_once_after_a_kill(client: BackendClient, mode: str) -> None:
    port = client.port or 0
    with serving(mode, port) as child:
        await probe_often(client)
        child.kill()
        child.wait()
    with serving("noreuse", port):
        assert (await client.get("/", timeout=60)).body == "ok"


async def test_a_server_that_is_killed_in_mid_answer_leaves_its_port_free(client: BackendClient) -> None:
    accepted: list[socket.socket] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.port = port = server.getsockname()[1]
        request = asyncio.create_task(client.get("/", timeout=60))
        accepted.append((await asyncio.to_thread(server.accept))[0])
        await asyncio.to_thread(accepted[0].recv, 65536)
    accepted[0].close()  # as the system does when it ends a process: the server's side sends FIN first
    with pytest.raises(HttpFailedError, match="socket hang up"):
        await request
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


async def test_a_server_that_ends_with_our_next_turn_leaves_its_port_free(
    client: BackendClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[socket.socket] = []

    def look_and_see_it_end(one: Any) -> bool:
        asyncio.get_running_loop().call_soon(held.pop().close)
        return False

    def serve(server: socket.socket) -> None:
        held.append(server.accept()[0])
        held[0].recv(65536)
        held[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    monkeypatch.setattr(connection, "has_peer_closed", look_and_see_it_end)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.port = port = server.getsockname()[1]
        answer, _ = await asyncio.gather(client.get("/", timeout=60), asyncio.to_thread(serve, server))
        assert answer.body == "ok"
    assert not held
    await until(lambda: not on_port(port), what=lambda: on_port(port))
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


async def test_a_request_that_timed_out_ends_with_an_end_and_not_with_an_error(client: BackendClient) -> None:
    end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        end.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    client.port = server.sockets[0].getsockname()[1]
    with pytest.raises(HttpFailedError, match="timeout of 100ms"):
        await client.get("/", timeout=0.1)
    assert await asyncio.wait_for(end, 60) == b""
    server.close()


@pytest.mark.parametrize("turns", range(1, 7))
async def test_a_request_that_is_cancelled_while_its_server_dies_leaves_the_port_free(
    client: BackendClient, turns: int
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.port = port = server.getsockname()[1]
        request = asyncio.create_task(client.get("/", timeout=60))
        for _ in range(turns):  # each ends at another step between the connect and the answer
            await asyncio.sleep(0)
        server.settimeout(0)
        with suppress(BlockingIOError):
            server.accept()[0].close()  # the server's side sends FIN first
    request.cancel()
    with suppress(asyncio.CancelledError, HttpFailedError):
        await request
    await until(lambda: not on_port(port), what=lambda: on_port(port))
