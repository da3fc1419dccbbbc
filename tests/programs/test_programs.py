"""Servers that people use, under the sidecar: start, a stop with work to finish, a crash, a restart. None of them is ever killed.

tests/programs/install puts them into a folder; what is not there is skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidecar.process import landlock
from tests.support import processes
from tests.support.backends import ask, aspnet_backend, aspnet_missing, free_port
from tests.support.client import SidecarClient
from tests.support.launch import ROOT
from tests.support.processes import until

pytestmark = pytest.mark.posix(reason="the programs are stopped by signals")

FOLDER = Path(os.environ.get("SIDECAR_PROGRAMS", ROOT / ".cache" / "programs"))
BIN = FOLDER / "venv" / "bin"
APPS = Path(__file__).parent / "apps"
GRACE = 8.0  # seconds; each of them needs less than two
NGINX = shutil.which("nginx") or str(FOLDER / "nginx" / "usr" / "sbin" / "nginx")
NGINX_SETTINGS = """{user}
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port}; root {folder};
    location = / {{ return 200 "ok"; }}
    location = /slow {{ limit_rate 20k; }}
  }}
}}
"""


class Program(NamedTuple):
    """One server.

    Attributes:
        command: with ``{port}``; of an application in ``apps``.
        needs: the files without which it is skipped.
        finishes: a stop lets a request that is under way come to its end.
        says_end: the application writes that it ended.
        settings: of the sidecar.
    """

    command: list[str]
    needs: list[str]
    finishes: bool = True
    says_end: bool = False
    settings: tuple[tuple[str, Any], ...] = ()


def python(name: str, *words: str) -> list[str]:
    return [str(BIN / name), *words]


UVICORN = python("uvicorn", "asgi_app:app", "--host", "127.0.0.1", "--port", "{port}")
GUNICORN = python("gunicorn", "wsgi_app:app", "--bind", "127.0.0.1:{port}", "--workers", "2")
# What it saves must not wake its own watcher: the file is elsewhere.
PROGRAMS = {
    "uvicorn": Program(UVICORN, [UVICORN[0]], says_end=True),
    "uvicorn --reload": Program([*UVICORN, "--reload"], [UVICORN[0]], says_end=True),
    "uvicorn --workers 2": Program([*UVICORN, "--workers", "2"], [UVICORN[0]], says_end=True),
    "gunicorn": Program(GUNICORN, [GUNICORN[0]]),
    # Its own manual: for development alone; SIGTERM ends it at once.
    "Flask's server": Program(
        python("flask", "--app", "wsgi_app", "run", "--host", "127.0.0.1", "--port", "{port}"),
        [str(BIN / "flask")],
        finishes=False,
    ),
    "Node's http": Program(
        [shutil.which("node") or "node", str(APPS / "node_app.js")], [shutil.which("node") or "node"], says_end=True
    ),
    "Fastify behind npm start": Program(
        ["npm", "start", "--prefix", str(FOLDER)],
        [str(FOLDER / "node_modules" / "fastify" / "package.json"), shutil.which("npm") or "npm"],
        says_end=True,
    ),
    # SIGTERM is its fast stop, SIGQUIT the one that serves what is under way (nginx.org/en/docs/control.html).
    "nginx": Program([NGINX, "-c", "nginx.conf"], [NGINX], settings=(("backend.stop_signal", "SIGQUIT"),)),
    "Kestrel": Program(aspnet_backend(), [aspnet_backend()[0]], finishes=False),
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Program:
    found = PROGRAMS[request.param]
    missing = [each for each in found.needs if not Path(each).is_file()]
    if found.command == aspnet_backend() and aspnet_missing():
        pytest.skip(aspnet_missing())
    if missing:
        pytest.skip(f"not installed (tests/programs/install): {', '.join(missing)}")
    return found


class Stage:
    """One program under a sidecar."""

    def __init__(self, program: Program, folder: Path, level: str = "off") -> None:
        self.program = program
        self.saved = folder / "saved"
        self.port = free_port()
        command = program.command
        if command[0] == NGINX:
            user = "user root;" if os.geteuid() == 0 else ""  # else its workers may not read the folder
            (folder / "nginx.conf").write_text(NGINX_SETTINGS.format(folder=folder, port=self.port, user=user))
            (folder / "slow").write_bytes(b"x" * 50_000)
            command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self.path = "/health/live" if "TestBackend" in command[0] else "/"
        settings = {
            "backend.port": self.port,
            "backend.cwd": str(APPS),
            "backend.live_path": self.path,
            "backend.env": {"SAVED": str(self.saved), "PORT": "{port}", "PYTHONDONTWRITEBYTECODE": "1"},
            "timeouts.graceful_shutdown": GRACE,
            "timeouts.health_interval": 0.2,
            "restart.first_delay": 0,
            **dict(program.settings),
            # The folder holds what these servers are configured to write and read, as a real one's data folder.
            "sandbox.level": level,
            "sandbox.write": [str(folder)],
            "sandbox.required": level != "off",
            "sandbox.read": [str(FOLDER)] if command[0] == "npm" else [],  # where its package is
        }
        self.client = SidecarClient(command, settings=settings)

    def lines(self) -> list[str]:
        return self.saved.read_text().split() if self.saved.exists() else []

    async def ready(self) -> int:
        """Its pid, once it answers others than the sidecar, too."""
        pid: int = (await self.client.call("backend:waitForReady"))["pid"]
        assert (await ask(self.port, "GET", self.path))[0] == 200
        return pid

    async def stop(self) -> None:
        """Ends it, in its own time."""
        begun = time.monotonic()
        stopped = await self.client.call("backend:stop")
        assert stopped == {"success": True}, stopped  # nothing had to be killed
        assert time.monotonic() - begun < GRACE
        if self.program.says_end:
            assert "ended" in self.lines()


@pytest.fixture
def stage(program: Program, tmp_path: Path) -> Stage:
    return Stage(program, tmp_path)


async def test_it_starts_and_is_probed_and_stops_by_itself(stage: Stage) -> None:
    async with stage.client:
        await stage.ready()
        await stage.client.event("backend:healthUpdate")
        await stage.stop()


async def test_a_stop_lets_work_come_to_its_end(stage: Stage) -> None:
    if not stage.program.finishes:
        pytest.skip("it gives up what is under way by itself, and ends at once")
    async with stage.client:
        await stage.ready()
        slow = asyncio.create_task(ask(stage.port, "GET", "/slow"))
        if "nginx" in stage.program.command[0]:
            await asyncio.sleep(0.2)
        else:
            await until(lambda: "begun" in stage.lines())
        await stage.stop()
        status, _ = await slow
        assert status == 200
        assert "nginx" in stage.program.command[0] or "slow" in stage.lines()


@pytest.mark.slow
async def test_it_comes_back_on_its_port_after_a_crash_and_after_a_restart(stage: Stage) -> None:
    async with stage.client:
        first = await stage.ready()
        os.kill(first, signal.SIGKILL)
        await stage.client.event("backend:crash")
        second = await stage.ready()
        await stage.client.call("backend:restart")
        third = await stage.ready()
        assert len({first, second, third}) == 3
        await stage.stop()
        assert not processes.is_alive(third)


@pytest.mark.skipif(sys.platform != "linux" or landlock.abi() < 6, reason="this system has no Landlock of ABI 6")
@pytest.mark.parametrize("level", [pytest.param("standard", marks=pytest.mark.slow), "strict"])
@pytest.mark.slow
async def test_it_runs_unchanged_in_a_sandbox(program: Program, tmp_path: Path, level: str) -> None:
    stage = Stage(program, tmp_path, level)
    async with stage.client as client:
        first = await stage.ready()
        assert (await client.call("backend:status"))["sandbox"]["missing"] == []
        await client.event("backend:healthUpdate")
        os.kill(first, signal.SIGKILL)
        await client.event("backend:crash")
        await stage.ready()
        await stage.stop()
