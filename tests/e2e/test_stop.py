"""A stop through the sidecar stops the whole tree, and reports what it had to kill."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.client import SidecarClient
from tests.support.runs import child

pytestmark = pytest.mark.posix(reason="signals; tests/process/test_windows_layer.py has the same with CTRL_C")

KINDS = {"sh": 1, "sh in sh": 2, "npm-like": 0}


def behind(kind: str, file: Path, seconds: float = 0.5) -> list[str]:
    """A backend that saves for some seconds, behind a launcher that exits at once (or, like npm, forwards the signal)."""
    command = [*child("launcher", "double" if kind == "npm-like" else "worker", file, seconds), "{port}"]
    for _level in range(KINDS[kind]):
        command = ["sh", "-c", f"{shlex.join(command)}; true"]
    return [word.replace("'{port}'", "{port}") for word in command]


def client_of(backend: list[str], data: Path, **settings: Any) -> SidecarClient:
    return SidecarClient(backend, flags=("--profile", "generic"), data=data, settings=settings, expect_exit=None)


# Each kind by the sidecar's own ladder and by the guardian's; the other ends are the first ladder begun another way.
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        *(("backend:stop", kind) for kind in KINDS),
        *(("SIGKILL", kind) for kind in KINDS),
        pytest.param("backend:restart", "npm-like", marks=pytest.mark.slow),
        pytest.param("sidecar:shutdown", "sh", marks=pytest.mark.slow),
        ("stdin", "sh in sh"),
        pytest.param("SIGTERM", "npm-like", marks=pytest.mark.slow),
    ],
)
async def test_what_is_saving_behind_a_launcher_is_not_lost(tmp_path: Path, end: str, kind: str) -> None:
    file = tmp_path / "file"
    marker = f"TEST_STOP={uuid.uuid4()}"
    name, value = marker.split("=")
    async with client_of(behind(kind, file), tmp_path, backend__env={name: value}) as client:
        await client.call("backend:waitForReady")
        client.process.remember_descendants()
        if end == "stdin":
            client.close_stdin()
        elif end.startswith("SIG"):
            os.kill(client.hello["pid"], getattr(signal, end))
        else:
            answer = await client.call(end)
            assert answer.keys() <= {"success", "url"}, answer  # nothing was forced
        if end != "backend:restart":
            await processes.until(lambda: not processes.marked(marker), what=lambda: processes.marked(marker))
        assert file.read_text() == "asked\nsaved\n"


async def test_the_answer_and_the_log_name_what_had_to_be_killed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    async with client_of(behind("sh", file, 600), tmp_path, timeouts__graceful_shutdown=0.5) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        begin = time.monotonic()
        answer = await client.call("backend:stop")
        assert time.monotonic() - begin >= 0.5
        assert answer["success"] is True
        ((killed,), name) = [process["pid"] for process in answer["forced"]], answer["forced"][0]["name"]
        assert killed != pid
        line, log = (
            f"these processes did not end in time and were killed: {name} ({killed})",
            tmp_path / "logs" / "sidecar.log",
        )
        await processes.until(lambda: log.exists() and line in log.read_text())
        assert await client.call("backend:stop") == {"success": True}
        moves = [event["payload"] for event in client.events if event["channel"] == "backend:stateChanged"]
        assert [(move["state"], move["forced"]) for move in moves if "forced" in move] == [
            ("STOPPED", answer["forced"])
        ]
        await client.call("backend:start")
        await client.call("backend:restart")
        moves = [event["payload"] for event in client.events if event["channel"] == "backend:stateChanged"]
        assert [move["state"] for move in moves if "forced" in move] == ["STOPPED", "STARTING"]
    assert file.read_text() == "asked\n" * 3


async def test_a_crash_report_names_what_had_to_be_killed(tmp_path: Path) -> None:
    async with client_of(behind("sh", tmp_path / "file"), tmp_path, restart__attempts=0) as client:
        os.kill((await client.call("backend:waitForReady"))["pid"], signal.SIGKILL)
        crash = await client.event("backend:crash")
        await client.state("FAILED")
        report = await client.call("backend:crashReport", {"name": crash["name"]})
        assert re.search(r"^Killed: +python\S* \(\d+\)$", report["report"], re.MULTILINE)


@pytest.mark.parametrize(
    ("script", "settings"),
    [
        ("trap '' TERM", {}),
        ("trap 'echo cleaning' TERM", {}),
        ("", {"backend__stop_signal": "SIGINT"}),
        pytest.param("trap 'kill $!; exit' TERM; sleep 600 &", {}, marks=pytest.mark.slow),
    ],
    ids=["ignored", "trapped", "SIGINT", "ended by its trap"],
)
@pytest.mark.parametrize("shell", ["sh", pytest.param("bash", marks=pytest.mark.slow)])
async def test_a_shell_does_not_keep_the_signal_from_what_it_waits_for(
    tmp_path: Path, shell: str, script: str, settings: dict[str, Any]
) -> None:
    """The child has time to save: it gets the signal after half the time, not only in the last quarter."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    file = tmp_path / "file"
    start = tmp_path / "start.sh"
    command = shlex.join(child("launcher", "worker", file, 1.5))
    number = "STOP=SIGINT " if settings else ""
    start.write_text(f"#!{shutil.which(shell)}\n{script}\n{number}{command} $1\ntrue\n")
    start.chmod(0o755)
    async with client_of([str(start), "{port}"], tmp_path, timeouts__graceful_shutdown=4, **settings) as client:
        await client.call("backend:waitForReady")
        assert await client.call("backend:stop") == {"success": True}
    assert file.read_text() == "asked\nsaved\n"


SAVES_AFTER_A_REQUEST = """
import http.server, os, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        threading.Thread(target=save).start()
        if "silent" in self.path:
            time.sleep(600)
        self.send_response(404 if "missing" in self.path else 202)
        self.end_headers()
    def log_message(self, *_):
        pass
def save():
    time.sleep(1.0)
    with open(sys.argv[1], "a") as file:
        file.write("saved")
    os._exit(0)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process handles the signal")
@pytest.mark.parametrize(
    ("path", "end", "left"),
    [
        ("/quit", "backend:stop", "saved"),
        ("/silent", "backend:stop", "saved"),
        ("/missing", "backend:stop", ""),
        ("/quit", "stdin", "saved"),
    ],
)
async def test_what_saves_at_the_shutdown_request_and_has_no_handler_is_not_killed_by_the_signal(
    tmp_path: Path, path: str, end: str, left: str
) -> None:
    """Unless the backend rejects the request; a busy one may not answer."""
    file = tmp_path / "file"
    backend = [sys.executable, "-c", SAVES_AFTER_A_REQUEST, str(file), "{port}"]
    times = {"timeouts__shutdown_request": 0.3, "timeouts__graceful_shutdown": 20, "timeouts__owner_lost": 20}
    async with client_of(backend, tmp_path, backend__shutdown_path=path, **times) as client:
        await client.call("backend:waitForReady")
        if end == "stdin":
            client.close_stdin()
            await client.wait_exit()
        else:
            assert await client.call(end) == {"success": True}
        assert (file.read_text() if file.exists() else "") == left


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the children of a shell with a trap are not asked")
async def test_a_shell_that_was_upgraded_since_is_known_as_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    shell = shutil.copy(shutil.which("sh") or "", tmp_path / "ksh93")
    script = f"trap 'echo cleaning' TERM; {shlex.join(child('launcher', 'worker', file, 1.5))} $0; true"
    async with client_of([str(shell), "-c", script, "{port}"], tmp_path, timeouts__graceful_shutdown=4) as client:
        await client.call("backend:waitForReady")
        shell.unlink()
        assert await client.call("backend:stop") == {"success": True}
    assert file.read_text() == "asked\nsaved\n"


@pytest.mark.parametrize(
    ("to", "first"), [("root", ["server asked", "server saved"]), ("group", ["server asked", "store asked"])]
)
async def test_who_is_asked_is_a_setting(tmp_path: Path, to: str, first: list[str]) -> None:
    file = tmp_path / "file"
    backend = [*child("launcher", "server", file, 0.3), "{port}"]
    async with client_of(backend, tmp_path, backend__stop_signal_to=to) as client:
        await client.call("backend:waitForReady")
        assert await client.call("backend:stop") == {"success": True}
    assert sorted(file.read_text().splitlines()[:2]) == first


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of the main thread is the end of the process")
async def test_a_backend_whose_main_thread_has_ended_is_running_until_it_is_stopped(tmp_path: Path) -> None:
    backend = [*child("launcher", "threads", tmp_path / "file", 0), "{port}"]
    async with client_of(backend, tmp_path, timeouts__graceful_shutdown=0.5) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        assert (await client.call("backend:status"))["listener"] == "own"
        assert (await client.call("backend:stop"))["success"] is True
        assert not processes.is_alive(pid)
