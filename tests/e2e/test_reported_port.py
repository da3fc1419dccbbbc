"""The reported port is always right: for a backend that chooses it itself, comes back on another one, or loses it to another program."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.process.platform.ports import is_listening
from tests.support import processes
from tests.support.backends import free_port
from tests.support.client import SidecarClient, failure

seen_by_sockets = pytest.mark.not_wine(reason="Wine does not say which process a socket belongs to")

_SERVER = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def do_POST(self):
        with open("posted", "a") as file:
            file.write(self.path)
        self.do_GET()
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("FIXED", 0))), Handler)
port = server.server_address[1]
"""
_REEXEC = """
def again(*_):
    os.set_inheritable(server.fileno(), False)
    os.execv(sys.executable, [sys.executable, *sys.argv])
signal.signal(signal.SIGUSR1, again)
"""
_SERVE = "server.serve_forever()\n"


def reported(folder: Path, printed: str, *, more: str = "", **settings: Any) -> SidecarClient:
    """A backend that prints ``printed``, an expression, once it listens."""
    script = folder / "backend.py"
    script.write_text(f"{_SERVER}{more}\nprint({printed}, flush=True)\n{_SERVE}")
    values = {"backend.port": "reported", "backend.cwd": str(folder), "timeouts.health_interval": 0.2, **settings}
    command = [sys.executable, str(script)]
    return SidecarClient(command, flags=("--profile", "generic"), settings=values, data=folder)


@pytest.fixture
async def stranger() -> AsyncIterator[int]:
    """The port of another program's server."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


@seen_by_sockets
@pytest.mark.parametrize(
    "printed",
    [
        'f"INFO:     Uvicorn running on http://127.0.0.1:{port} (Press CTRL+C to quit)"',
        'f"Server listening on port {port}."',
        r'f"Now listening on: http://127.0.0.1:{STRANGER}\nListening on http://localhost:{port}"',
    ],
    ids=["an address", "a number", "a stranger's address first"],
)
async def test_an_address_that_the_pattern_does_not_find_is_used_where_the_backend_listens(
    tmp_path: Path, stranger: int, printed: str
) -> None:
    async with reported(tmp_path, printed, more=f"STRANGER = {stranger}") as client:
        ready = await client.call("backend:waitForReady")
        assert ready["port"] != stranger
        assert (await client.call("backend:status"))["listener"] == "own"
        log = tmp_path / "logs" / "sidecar.log"  # comes some time after ready
        wanted = f"listens on port {ready['port']}, which it printed"
        await processes.until(lambda: log.exists() and wanted in log.read_text())


@pytest.mark.posix(reason="exec keeps the process; tests/unit/monitor/test_stories.py has this for every system")
async def test_a_backend_that_executes_itself_again_is_followed_to_its_new_address(tmp_path: Path) -> None:
    more = {"backend.live_path": "/"}
    async with reported(tmp_path, 'f"Now listening on: http://127.0.0.1:{port}"', more=_REEXEC, **more) as client:
        first = await client.call("backend:waitForReady")
        await client.event("backend:healthUpdate", lambda it: it["status"] == "healthy")
        os.kill(first["pid"], signal.SIGUSR1)
        changed = await client.event("backend:stateChanged", lambda it: it["reason"] == "port_changed")
        status = await client.call("backend:status")
        assert changed["port"] == status["port"] != first["port"]
        assert (status["pid"], status["state"], status["listener"]) == (first["pid"], "RUNNING", "own")
        assert await client.call("backend:getUrl") == f"http://127.0.0.1:{status['port']}"
        assert (await client.call("backend:ping"))["success"] is True


@pytest.mark.posix(reason="SIGUSR1; tests/unit/monitor/test_stories.py has this for every system")
async def test_nothing_is_sent_to_a_stranger_that_took_the_port(tmp_path: Path) -> None:
    """The stranger takes the port when the backend closes its socket: health and status say so, and no shutdown request is sent."""
    port = free_port()
    more = "signal.signal(signal.SIGUSR1, lambda *_: server.socket.close())\n"
    settings = {"backend.live_path": "/", "backend.shutdown_path": "/shutdown", "backend.port": port}
    values = {"timeouts.graceful_shutdown": 5, "backend.env": {"FIXED": str(port)}, **settings}
    asked: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    async with reported(tmp_path, '"up"', more=more, **values) as client:
        ready = await client.call("backend:waitForReady")
        os.kill(ready["pid"], signal.SIGUSR1)
        await client.event("backend:healthUpdate", lambda it: it["status"] == "unhealthy")
        server = await asyncio.start_server(take, "127.0.0.1", port)
        async with server:
            words = f"belongs to {Path(sys.executable).name[:6]}"
            update = await client.event("backend:healthUpdate", lambda it: words in (it.get("error") or ""))
            assert f"(pid {os.getpid()})" in update["error"]
            status = await client.call("backend:status")
            assert (status["health"], status["listener"]) == ("unhealthy", "foreign")
            assert (await client.call("backend:ping"))["success"] is False
            assert (await client.call("backend:stop"))["success"] is True
            assert asked == []
    assert not (tmp_path / "posted").exists()


async def test_a_fixed_port_that_chromium_refuses_is_a_warning_at_the_start(tmp_path: Path) -> None:
    async with reported(tmp_path, '"up"', **{"backend.port": 6000, "backend.autostart": False}) as client:
        words = "WARNING Chromium refuses every request to port 6000"
        await processes.until(lambda: words in client.stderr_text, what=lambda: client.stderr_text)


_FIRST = """
import os, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        found = sys.argv[1] == "metrics" or (sys.argv[1] != "log server" and self.path == "/metrics")
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"# HELP up Whether it is.\\n# TYPE up gauge\\nup 1\\n" if found else b"not found")
    def log_message(self, *_): pass

if sys.argv[1] == "database":
    first = socket.create_server(("127.0.0.1", int(sys.argv[2])))
else:
    first = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Metrics)
    threading.Thread(target=first.serve_forever, daemon=True).start()
while not os.path.exists("go"):
    if sys.argv[1] != "log server":  # whose manager loads its main server meanwhile
        time.sleep(0.02)
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(600)
"""


@seen_by_sockets
@pytest.mark.parametrize(
    "first",
    [
        pytest.param("metrics", marks=pytest.mark.slow),
        pytest.param("metrics at their path", marks=pytest.mark.slow),
        "database",
        pytest.param("log server", marks=pytest.mark.slow),
    ],
)
async def test_what_a_server_opens_before_its_port_does_not_make_it_ready(tmp_path: Path, first: str) -> None:
    script = tmp_path / "backend.py"
    script.write_text(_FIRST)
    usual = next(port for port in range(20_000 + os.getpid() % 10_000, 32_768) if not is_listening(port))
    command, settings = [sys.executable, str(script), first, str(usual)], {"backend.cwd": str(tmp_path)}
    async with SidecarClient(command, flags=("--profile", "generic"), settings=settings, data=tmp_path) as client:

        def looks() -> int:
            messages = [progress["message"] for progress in client.payloads("backend:startupProgress")]
            return sum("instead of its port" in message for message in messages)

        await client.until(
            lambda: looks() >= 4, "looks at the port; at the second of them any other port would be used"
        )
        (tmp_path / "go").touch()
        ready = await client.call("backend:waitForReady")
        changes = client.payloads("backend:stateChanged")
        assert {change["port"] for change in changes} == {ready["port"]}


@seen_by_sockets
@pytest.mark.parametrize("listener", ["own", pytest.param("any", marks=pytest.mark.slow)])
async def test_a_program_outside_the_tree_may_forward_the_port_where_that_is_set(tmp_path: Path, listener: str) -> None:
    """As docker-proxy does for a container: it listens once the container runs, and is not a child of the backend."""
    port = free_port()
    values = {
        "backend.port": port,
        "backend.live_path": "/",
        "backend.shutdown_path": "/bye",
        "backend.listener": listener,
    }
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    asked: list[str] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    settings = {**values, "restart.attempts": 0}
    async with SidecarClient(command, flags=("--profile", "generic"), settings=settings, data=tmp_path) as client:
        await client.event("backend:startupProgress", lambda it: it["phase"] == "waiting")
        async with await asyncio.start_server(take, "127.0.0.1", port):
            if listener == "own":
                caught = await failure(client.call("backend:waitForReady"))
                assert caught.code in {"PORT_FOREIGN", "RESTARTS_EXHAUSTED"}
                assert f"port {port} belongs to" in caught.message
                return
            await client.call("backend:waitForReady")
            assert (await client.call("backend:status"))["listener"] == "unknown"
            assert (await client.call("backend:stop"))["success"] is True
            assert "POST /bye HTTP/1.1\r\n" in asked
