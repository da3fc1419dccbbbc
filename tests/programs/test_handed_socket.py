"""backend.socket = "pass" with servers that people use, unchanged: no crash and no restart refuses a connection."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.programs.test_programs import APPS, GUNICORN, python
from tests.support.client import RemoteError, SidecarClient
from tests.support.launch import ROOT
from tests.support.load import Load

pytestmark = pytest.mark.posix(reason="the programs are handed a descriptor")
NODE = shutil.which("node") or "/usr/bin/node"  # a path that is not there skips the test
PROGRAMS = {
    "uvicorn": python("uvicorn", "asgi_app:app", "--fd", "3"),
    "uvicorn --workers 2": python("uvicorn", "asgi_app:app", "--fd", "3", "--workers", "2"),
    "gunicorn": GUNICORN,
    "gunicorn without --bind": python("gunicorn", "wsgi_app:app"),
    "Node's http": [NODE, str(APPS / "node_app.js")],
    # A launcher that executes the server: LISTEN_PID is still its pid.
    "Node behind sh": ["sh", "-c", 'exec "$0" "$@"', NODE, str(APPS / "node_app.js")],
}


@pytest.fixture(params=PROGRAMS)
def command(request: pytest.FixtureRequest) -> list[str]:
    found = PROGRAMS[request.param]
    missing = [word for word in found if word.startswith("/") and not Path(word).exists()]
    if missing:
        pytest.skip(f"not installed (tests/programs/install): {', '.join(missing)}")
    return found


def sidecar(command: list[str], tmp_path: Path, **more: Any) -> SidecarClient:
    settings = {
        "backend.socket": "pass",
        "backend.cwd": str(APPS),
        "backend.live_path": "/",
        "backend.env": {"SAVED": str(tmp_path / "saved"), "PORT": "{port}", "PYTHONDONTWRITEBYTECODE": "1"},
        "restart.first_delay": 0,
        **more,
    }
    return SidecarClient(command, settings=settings, flags=["--profile", "generic"])


async def test_no_connection_is_refused(command: list[str], tmp_path: Path) -> None:
    async with sidecar(command, tmp_path) as client:
        ready = await client.call("backend:waitForReady")
        assert (await client.call("backend:status"))["listener"] == "own"
        async with Load(ready["port"], rate=50, body=b"ok") as load:
            os.kill(ready["pid"], signal.SIGKILL)
            await client.event("backend:crash")
            await client.call("backend:waitForReady")
            broken = load.broken
            assert (await client.call("backend:restart"))["url"] == ready["url"]
            await asyncio.sleep(0.2)
        assert (load.refused, load.late) == (0, 0)
        assert load.answered > 10
        # uvicorn closes a connection that it has accepted and not read yet (Server.shutdown): at most the newest.
        assert load.broken - broken <= 1, load
        assert await client.call("backend:stop") == {"success": True}


async def test_the_go_example_uses_it(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go here")
    program = tmp_path / "backend"
    environment = {**os.environ, "GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "auto"}
    build = await asyncio.create_subprocess_exec(
        go, "build", "-o", str(program), ".", cwd=ROOT / "examples" / "go" / "backend", env=environment
    )
    assert await build.wait() == 0
    async with sidecar([str(program), "--port", "{port}"], tmp_path, **{"backend.live_path": "/health"}) as client:
        ready = await client.call("backend:waitForReady")
        async with Load(ready["port"], rate=50, path="/hello", body=b"}") as load:
            os.kill(ready["pid"], signal.SIGKILL)
            await client.event("backend:crash")
            await client.call("backend:waitForReady")
            await client.call("backend:restart")
            await asyncio.sleep(0.2)
        assert (load.refused, load.late) == (0, 0)
        assert load.answered > 10


async def test_gunicorn_says_itself_when_it_is_ready(tmp_path: Path) -> None:
    if not Path(GUNICORN[0]).exists():
        pytest.skip("not installed (tests/programs/install): gunicorn")
    async with sidecar(GUNICORN, tmp_path, **{"backend.notify": True, "backend.live_path": ""}) as client:
        await client.call("backend:waitForReady")
        said = [one["message"] for one in client.payloads("backend:startupProgress")]
        assert "Gunicorn arbiter booted" in said


async def test_a_server_that_was_given_the_port_instead_is_named(tmp_path: Path) -> None:
    command = python("uvicorn", "asgi_app:app", "--host", "127.0.0.1", "--port", "{port}")
    if not Path(command[0]).exists():
        pytest.skip("not installed (tests/programs/install): uvicorn")
    async with sidecar(command, tmp_path, **{"backend.autostart": False, "restart.attempts": 0}) as client:
        with pytest.raises(RemoteError, match=r"SOCKET_UNUSED.*tried to listen there itself"):
            await client.call("backend:start")
