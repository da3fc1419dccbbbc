"""Five starts that fail, each explained within three seconds by every tool that shows a start."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.backends import free_port, has_ipv6, http_backend, script_backend
from tests.support.client import SidecarClient
from tests.support.launch import run_sidecar, toml_value
from tests.support.processes import SLACK

WITHIN = 3.0  # seconds from the start of the backend
GENERIC = ["--profile", "generic"]


class Wrong(NamedTuple):
    backend: Sequence[str]
    settings: dict[str, Any]
    reason: str


def wrong(kind: str) -> Wrong:
    given, other = free_port(), free_port()
    match kind:
        case "another port":
            reason = rf"it listens on 127\.0\.0\.1:{other} instead of its port {given}\. Pass it the port: write \{{port\}} instead of {other}"
            return Wrong(http_backend(port=other), {"backend.port": given}, reason)
        case "no health endpoint":
            reason = r"has no /nothing/here \(status 404\)\. Correct backend\.live_path"
            return Wrong(http_backend(), {"backend.live_path": "/nothing/here"}, reason)
        case "another address":
            reason = rf"it listens on 127\.0\.0\.9:{given}, which 127\.0\.0\.1 does not reach"
            return Wrong(http_backend(listen_address="127.0.0.9"), {"backend.port": given}, reason)
        case "never listens":
            code = "import time; print('Error: cannot open data.db', flush=True); time.sleep(600)"
            reason = r"none of its processes listens on a port yet; its last error: Error: cannot open data\.db"
            return Wrong(script_backend(code), {}, reason)
        case "waits after an error":  # as a reloader does, for its files to change
            code = "import time; print('ModuleNotFoundError: No module named \\'flask\\'', flush=True); time.sleep(600)"
            return Wrong(
                script_backend(code), {}, r"Part of the backend is missing: flask\..* install its dependencies"
            )
    return Wrong(script_backend("raise RuntimeError('no licence')"), {}, r"exit code 1\. .*RuntimeError: no licence")


seen_by_sockets = pytest.mark.not_wine(reason="Wine does not say which process a socket belongs to")
every_kind = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("another port", marks=seen_by_sockets),
        "no health endpoint",
        pytest.param("another address", marks=seen_by_sockets),
        pytest.param("never listens", marks=seen_by_sockets),
        pytest.param("waits after an error", marks=seen_by_sockets),
        "ends at once",
    ],
)


def run(tool: Sequence[str], data: Path, case: Wrong) -> subprocess.CompletedProcess[str]:
    values = {"paths.data": str(data), "timeouts.startup": WITHIN, **case.settings}
    flags = [word for name, value in values.items() for word in ("--set", f"{name}={toml_value(value)}")]
    return run_sidecar(*tool, *GENERIC, *flags, "--", *case.backend)


@every_kind
async def test_startup_progress_says_why(kind: str) -> None:
    case = wrong(kind)
    async with SidecarClient(case.backend, settings=case.settings, flags=GENERIC) as client:
        client.request("backend:start")
        found = await client.event("backend:startupProgress", where=lambda one: re.search(case.reason, one["message"]))
        assert found["elapsed"] <= WITHIN + SLACK
        assert found["limit"] == 60
        assert found["phase"] == ("failed" if kind == "ends at once" else "waiting")


@pytest.mark.slow
@every_kind
def test_watch_says_why(kind: str, tmp_path: Path) -> None:
    case = wrong(kind)
    done = run(["watch", "--seconds", "4"], tmp_path, case)
    began = re.search(r"^ *([\d.]+)  stateChanged +STOPPED → STARTING", done.stdout, re.MULTILINE)
    explained = re.search(rf"^ *([\d.]+)  .*{case.reason}", done.stdout, re.MULTILINE)
    assert began, done
    assert explained, done
    assert float(explained[1]) - float(began[1]) <= WITHIN + SLACK


@pytest.mark.slow
@every_kind
def test_doctor_says_why_while_it_starts_and_at_the_end(kind: str, tmp_path: Path) -> None:
    case = wrong(kind)
    done = run(["doctor", "--start", "--json"], tmp_path, case)
    at = re.search(rf"^\w+ ([\d.]+) of 3 s: .*{case.reason}", done.stderr, re.MULTILINE)
    assert at, done
    assert float(at[1]) <= WITHIN
    start = json.loads(done.stdout)[0]
    assert (start["check"], start["status"], done.returncode) == ("start", "failed", 1)
    assert start["remedy"]
    assert start["cause"]
    assert Path(start["report"]).parent == tmp_path / "logs"
    assert Path(start["report"]).is_file()
    if kind in {"never listens", "ends at once"}:
        assert start["output"][-1] in {"Error: cannot open data.db", "RuntimeError: no licence"}


def test_doctor_shows_the_last_ten_lines_and_the_report(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(40): print('line', n)\nsys.exit(3)"
    done = run(["doctor", "--start"], tmp_path, Wrong(script_backend(code), {}, ""))
    assert re.findall(r"\bline (\d+)\b", done.stdout.partition("Last lines")[2])[:10] == [str(n) for n in range(30, 40)]
    assert "Crash report: " in done.stdout


async def test_a_port_in_its_command_that_another_program_uses_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken = held.getsockname()[1]
        reason = rf"It tried to listen on port {taken}, which another program uses, instead of its port \d+"
        async with SidecarClient(http_backend(port=taken), flags=GENERIC) as client:
            client.request("backend:start")
            await client.event("backend:crash", where=lambda one: re.search(reason, one["cause"] or ""))


@seen_by_sockets
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
async def test_a_backend_on_ipv6_alone_is_explained() -> None:
    code = "import socket, time; s = socket.create_server(('::1', 0), family=socket.AF_INET6); time.sleep(600)"
    reason = (
        r"listens on \[::1\]:\d+, which 127\.0\.0\.1 does not reach\. .*pass it the port.*--dns-result-order=ipv4first"
    )
    async with SidecarClient(script_backend(code), flags=GENERIC) as client:
        client.request("backend:start")
        await client.event("backend:startupProgress", where=lambda one: re.search(reason, one["message"]))


@seen_by_sockets
async def test_a_backend_on_a_unix_socket_is_explained_while_it_waits() -> None:
    code = "import time; print('Listening on unix:/run/app.sock', flush=True); time.sleep(600)"
    async with SidecarClient(script_backend(code), flags=GENERIC) as client:
        client.request("backend:start")
        reason = r"nothing listens on port \d+.* Make it listen on TCP instead of a Unix socket"
        await client.event("backend:startupProgress", where=lambda one: re.search(reason, one["message"]))


async def test_a_backend_that_speaks_https_is_unhealthy() -> None:
    code = """import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print(f"Uvicorn running on https://127.0.0.1:{os.environ['PORT']}", flush=True)
while True:
    connection = server.accept()[0]
    connection.recv(9)
    connection.close()"""
    async with SidecarClient(script_backend(code), flags=GENERIC) as client:
        port = (await client.call("backend:start"))["port"]
        update = await client.event("backend:healthUpdate")
        assert update["status"] == "unhealthy"
        assert f"it speaks HTTPS on port {port}; make it listen on http://127.0.0.1:{port}" in update["error"]


TWO_SERVERS = """import os, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
def serve(port, status):
    server = HTTPServer(("127.0.0.1", port), Handler)
    server.status = status
    threading.Thread(target=server.serve_forever).start()
    return server.server_address[1]
"""


@seen_by_sockets
async def test_of_two_servers_the_one_that_answers_is_the_backends() -> None:
    admin, main = free_port(), free_port()
    code = f"{TWO_SERVERS}serve({admin}, 404)\nserve({main}, 204)"
    async with SidecarClient(script_backend(code), flags=GENERIC) as client:
        assert (await client.call("backend:start"))["port"] == main


async def test_a_debuggers_port_is_not_taken_for_the_backends() -> None:
    debugger = free_port()
    lines = (
        f"serve({debugger}, 400)",
        f"print('Debugger listening on ws://127.0.0.1:{debugger}/0f2c936f', flush=True)",
        "time.sleep(3.5)",  # longer than two looks at the ports
        "serve(int(os.environ['PORT']), 204)",
    )
    async with SidecarClient(script_backend("\n".join((TWO_SERVERS, *lines))), flags=GENERIC) as client:
        given = (await client.event("backend:stateChanged"))["port"]
        assert (await client.call("backend:start"))["port"] == given != debugger
