"""A new user's first command: `sidecar watch -- THEIR OWN USUAL COMMAND`, in their own folder, with no flag at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.programs.test_programs import APPS, BIN, FOLDER
from tests.support.backends import ask, aspnet_backend, aspnet_missing
from tests.support.client import SidecarClient
from tests.support.launch import run_sidecar

pytestmark = pytest.mark.heavy

NODE_BIN = FOLDER / "node_modules" / ".bin"
SECONDS = 5
PACKAGE = '{"scripts": {"start": "node express_app.js", "dev": "vite"}}'


class Usual(NamedTuple):
    """What its users type.

    Attributes:
        command: word for word.
        needs: the file that the installation brought.
        port: where it listens regardless of its environment; None: from the environment.
    """

    command: str
    needs: Path
    port: int | None = None


COMMANDS = {
    "uvicorn": Usual("uvicorn asgi_app:app", BIN / "uvicorn"),
    "gunicorn": Usual("gunicorn wsgi_app:app", BIN / "gunicorn"),
    "flask": Usual("flask --app wsgi_app run", BIN / "flask"),
    "hypercorn": Usual("hypercorn asgi_app:app", BIN / "hypercorn", 8000),
    "daphne": Usual("daphne asgi_app:app", BIN / "daphne", 8000),
    "uvicorn with its reloader": Usual("uvicorn asgi_app:app --reload", BIN / "uvicorn"),
    "flask with its reloader": Usual("flask --app wsgi_app run --debug", BIN / "flask"),
    "granian": Usual("granian --interface asgi asgi_app:app", BIN / "granian"),
    "waitress": Usual("waitress-serve wsgi_app:app", BIN / "waitress-serve", 8080),
    "php": Usual("php -S localhost:8000", Path(shutil.which("php") or "php"), 8000),
    "node --inspect": Usual("node --inspect express_app.js", FOLDER / "node_modules" / "express" / "package.json"),
    "http.server": Usual("python -m http.server", BIN / "python", 8000),
    "django": Usual("python manage.py runserver", BIN / "django-admin", 8000),
    "express": Usual("npm start", FOLDER / "node_modules" / "express" / "package.json"),
    "fastify": Usual("fastify start fastify_plugin.js", NODE_BIN / "fastify"),
    "vite": Usual("npm run dev", NODE_BIN / "vite", 5173),
    "ruby": Usual("ruby -run -e httpd .", Path(shutil.which("ruby") or "ruby"), 8080),
    "caddy": Usual("caddy file-server --listen :2015", Path(shutil.which("caddy") or "caddy"), 2015),
    "go": Usual("go run .", Path(shutil.which("go") or "go"), 8081),
    "honcho": Usual("honcho start", BIN / "honcho"),
    "kestrel": Usual(aspnet_backend()[0], Path(aspnet_backend()[0])),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(APPS, folder)
    (folder / "package.json").write_text(PACKAGE)
    (folder / "node_modules").symlink_to(FOLDER / "node_modules", target_is_directory=True)
    return folder


@pytest.mark.posix(reason="the programs are installed for POSIX")
@pytest.mark.parametrize(
    "name",
    [pytest.param(it, marks=pytest.mark.slow) if it in ("caddy", "go", "php", "ruby") else it for it in COMMANDS],
)
def test_a_known_server_runs_with_no_flag(name: str, project: Path) -> None:
    usual = COMMANDS[name]
    if name == "kestrel" and aspnet_missing():
        pytest.skip(aspnet_missing())
    if not usual.needs.is_file():
        pytest.skip(f"not installed (tests/programs/install): {usual.needs}")
    if usual.port is not None and not _is_free(usual.port):
        pytest.skip(f"another program has port {usual.port}, the only one that {name} takes")
    shown = _watch(usual.command.split(), project)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert re.search(r"STARTING → RUNNING \(ready", shown.stdout), shown.stdout
    if usual.port is not None:
        seen = rf"listens on .*:{usual.port} instead of its port \d+\. Pass it the port: .*{{port}}"
        assert re.search(seen, shown.stdout), shown.stdout


def _is_free(port: int) -> bool:
    import socket

    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _watch(command: list[str], project: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(BIN), str(NODE_BIN), os.environ["PATH"]])
    own = {
        "SIDECAR_PROFILE": None,
        "PATH": path,
        "SAVED": str(project / "saved"),
        "XDG_DATA_HOME": str(project / "data"),
    }
    # What the shell of the user says of a port is not for this backend.
    own |= {"PORT": "1", "HOST": "203.0.113.1", "UVICORN_PORT": "1", "ASPNETCORE_URLS": "http://203.0.113.1:1"}
    return run_sidecar("watch", "--seconds", str(SECONDS), "--", *command, cwd=project, env=own)


@pytest.mark.skipif(bool(aspnet_missing()), reason=aspnet_missing() or "it is there")
async def test_kestrel_has_its_port_its_folder_and_its_health_from_profile_aspnet(tmp_path: Path) -> None:
    program = Path(aspnet_backend()[0])
    async with SidecarClient([str(program)], flags=["--profile", "aspnet"], cwd=tmp_path) as client:
        started = await client.call("backend:waitForReady")
        assert (await ask(int(started["url"].rpartition(":")[2]), "GET", "/health/live"))[0] == 200
        assert (await client.call("backend:health"))["status"] == "healthy"
        assert Path(psutil.Process(started["pid"]).cwd()).samefile(program.parent)
        await client.call("backend:stop")


WRONG = (
    *("uvicorn gone:app", "gunicorn gone:app", "flask --app gone run", "hypercorn gone:app", "daphne gone:app"),
    *("granian --interface asgi gone:app", "waitress-serve gone:app"),
)


@pytest.mark.posix(reason="the programs are installed for POSIX")
@pytest.mark.parametrize("command", WRONG)
async def test_a_wrong_name_of_the_app_is_named_in_the_cause(command: str, project: Path) -> None:
    """Each says it in its own way, with its own exit status (Hypercorn's is 0), before or after it listens (Gunicorn)."""
    program = BIN / command.split(maxsplit=1)[0]
    if not program.is_file():
        pytest.skip(f"not installed (tests/programs/install): {program}")
    words = [str(program), *command.split()[1:]]
    async with SidecarClient(words, env={"SIDECAR_PROFILE": None}, cwd=project) as client:
        crash = await client.event("backend:crash")
        assert crash["kind"] in {"working_folder", "program_incomplete"}, crash
        assert "gone" in crash["cause"]
