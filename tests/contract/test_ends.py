"""How the real process exits: exit statuses, the end of stdin, and a stdin or stdout that is not a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import http_backend, trouble
from tests.support.client import SidecarClient
from tests.support.launch import clean_environment, sidecar_command
from tests.support.pipes import pack, unpack_all

LIMIT = 40.0  # seconds after which a process that should have ended counts as hanging


def run(words: Sequence[str], folder: Path, **streams: Any) -> subprocess.CompletedProcess[bytes]:
    command = [*sidecar_command(), *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(command, cwd=folder, env=clean_environment(), timeout=LIMIT, check=False, **streams)


def serve(folder: Path, *backend: str, flags: Sequence[str] = (), **streams: Any) -> subprocess.CompletedProcess[bytes]:
    tail = ["--", *backend] if backend else ["--set", "backend.autostart=false"]
    return run(["serve", "--set", f"paths.data='{folder}'", *flags, *tail], folder, **streams)


def request(number: int, channel: str, *args: Any) -> bytes:
    return pack({"type": "request", "id": number, "channel": channel, "args": list(args)})


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "--nope"],
        ["serve", "surplus"],
        ["serve", "--set"],
        ["serve", "--set", "novalue"],
        ["serve", "--max-frame", "many"],
        ["serve", "--max-in-flight", "0"],
        ["serve", "--"],
    ],
    ids=" ".join,
)
def test_a_usage_error_comes_before_hello_in_one_line_with_status_64(words: list[str], tmp_path: Path) -> None:
    done = run(words, tmp_path, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (64, b"")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(b"sidecar: ")


def test_no_command_to_start_is_a_wrong_setting_unless_nothing_is_to_be_started(tmp_path: Path) -> None:
    flags = ["serve", "--profile", "generic", "--set", f"paths.data='{tmp_path}'"]
    done = run(flags, tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 78
    error = unpack_all(done.stdout)[-1]["error"]
    assert (error["code"], error["message"]) == ("INVALID_CONFIG", "No backend command given")
    assert "Set backend.command" in error["hint"]
    done = run([*flags, "--set", "backend.autostart=false"], tmp_path, input=request(1, "sidecar:ping", "x"))
    assert (done.returncode, unpack_all(done.stdout)[-1]["type"]) == (0, "response")


def test_wrong_settings_come_after_hello_all_at_once_with_status_78(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[timeouts]\nstartup = 'soon'\n\n[backend]\nprot = 5005\n", encoding="utf-8")
    flags = ["--config", str(config), "--set", "health.failures=none"]
    done = serve(tmp_path, *http_backend(), flags=flags, stdin=subprocess.PIPE)
    hello, error = unpack_all(done.stdout)
    assert done.returncode == 78
    assert hello["type"] == "hello"
    assert (error["type"], error["id"], error["error"]["code"]) == ("error", None, "INVALID_CONFIG")
    reported = done.stderr.decode()
    for mistake in ("timeouts.startup", "line 2", "backend.prot", "line 5", "backend.port", "health.failures"):
        assert mistake in error["error"]["message"], mistake
        assert mistake in reported, mistake
    assert "Traceback" not in reported


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"[backend\n"], ids=["missing", "no text", "no TOML"])
def test_an_unusable_settings_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    if content is not None:
        config.write_bytes(content)
    done = serve(tmp_path, flags=["--config", str(config)], stdin=subprocess.PIPE)
    assert done.returncode == 78
    assert "settings.toml" in unpack_all(done.stdout)[1]["error"]["message"]


def test_the_requests_of_a_file_are_answered_into_a_file(tmp_path: Path) -> None:
    frames = tmp_path / "frames.bin"
    content = [
        request(1, "sidecar:ping", "first"),
        request(2, "backend:waitForReady"),
        request(3, "backend:version"),
        request(4, "x"),
    ]
    frames.write_bytes(b"".join(content))
    with frames.open("rb") as source, (tmp_path / "answers.bin").open("wb") as target:
        done = serve(tmp_path, *http_backend(), stdin=source, stdout=target)
    messages = unpack_all((tmp_path / "answers.bin").read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    assert messages[0]["type"] == "hello"
    answers = {message["id"]: message for message in messages if message["type"] in {"response", "error"}}
    assert set(answers) == {1, 2, 3, 4}
    assert answers[1]["result"] == "first"
    assert answers[2]["result"]["success"] is True
    assert answers[4]["error"]["code"] == "UNKNOWN_CHANNEL"
    assert not processes.is_alive(answers[2]["result"]["pid"])


def test_rubbish_in_a_file_is_a_framing_error_after_what_came_before_it(tmp_path: Path) -> None:
    frames = tmp_path / "frames.bin"
    frames.write_bytes(request(1, "sidecar:ping", 1) + b"and then a log line\n")
    with frames.open("rb") as source:
        done = serve(tmp_path, stdin=source)
    assert done.returncode == 65
    _, answer, error = unpack_all(done.stdout)
    assert answer == {"type": "response", "id": 1, "result": 1}
    assert (error["id"], error["error"]["code"]) == (None, "FRAME_ERROR")
    assert "and then a log line" in error["error"]["message"]


def test_the_null_device_as_stdin_is_an_owner_that_is_gone(tmp_path: Path) -> None:
    done = serve(tmp_path, *http_backend(), stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr.decode()
    assert unpack_all(done.stdout)[0]["type"] == "hello"
    # By its own log: the start of two interpreters takes seconds under Wine, and how many depends on what else runs just then.
    first, *others = (line.split()[0] for line in done.stderr.decode().splitlines() if " INFO " in line)
    took = datetime.fromisoformat(others[-1]) - datetime.fromisoformat(first)
    assert took.total_seconds() < 2 + processes.SLACK, done.stderr.decode()


@pytest.mark.parametrize(
    "options",
    [{}, {"ignore_sigterm": True, "ignore_shutdown": True}, {"stop_delay": 30}, {"listen_delay": 30}],
    ids=["well-behaved", "stubborn", "slow to stop", "still starting"],
)
async def test_the_end_of_stdin_ends_everything_within_two_seconds(options: dict[str, Any]) -> None:
    client = await SidecarClient(http_backend(children="plain", **options)).start()
    if "listen_delay" in options:
        await client.event("backend:startupProgress", lambda it: it["phase"] == "waiting")
    else:
        await client.call("backend:waitForReady")
    client.process.remember_descendants()
    began = time.monotonic()
    client.close_stdin()
    assert await client.wait_exit() == 0
    assert time.monotonic() - began < 2 + processes.SLACK
    await client.close()


async def test_requests_that_are_open_at_the_end_of_stdin_are_answered() -> None:
    client = await SidecarClient(http_backend(listen_delay=30)).start()
    waiting = client.request("backend:waitForReady")
    await client.event("backend:startupProgress", lambda it: it["phase"] == "waiting")
    client.close_stdin()
    with pytest.raises(Exception, match="SHUTTING_DOWN"):
        await waiting
    await client.close()


async def test_a_killed_backend_and_a_clean_end_are_status_0() -> None:
    async with SidecarClient(http_backend(), settings={"restart.attempts": 0}) as client:
        port = (await client.call("backend:start"))["port"]
        await trouble(port, "crash?kind=3")
        await client.state("FAILED")
        assert await client.call("sidecar:shutdown") == {"success": True}
        assert await client.wait_exit() == 0


@pytest.mark.posix(reason="signals; Windows has console events, which tests/process/test_windows_layer.py sends")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_a_signal_is_an_orderly_shutdown(name: str) -> None:
    async with SidecarClient(http_backend()) as client:
        await client.call("backend:start")
        client.process.remember_descendants()
        os.kill(client.hello["pid"], getattr(signal, name))
        await client.state("STOPPED")
        assert await client.wait_exit() == 0
        assert "Traceback" not in client.stderr_text


async def test_a_second_shutdown_is_answered_too() -> None:
    async with SidecarClient(http_backend(stop_delay=0.5)) as client:
        await client.call("backend:start")
        first, second = client.request("sidecar:shutdown"), client.request("sidecar:shutdown")
        assert await first == {"success": True}
        with_answer = await _outcome(second)
        assert with_answer in ({"success": True}, "SHUTTING_DOWN")


async def _outcome(answer: Any) -> Any:
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - any answer is looked at
        return getattr(error, "code", error)


def test_nothing_but_frames_is_ever_on_stdout(tmp_path: Path) -> None:
    frames = tmp_path / "frames.bin"
    frames.write_bytes(request(1, "backend:waitForReady") + request(2, "sidecar:info"))
    with frames.open("rb") as source:
        done = serve(tmp_path, *http_backend(say_stdout="loud"), flags=["--set", "log.level=trace"], stdin=source)
    assert {message["type"] for message in unpack_all(done.stdout)} <= {"hello", "event", "response"}
    assert b"STARTING" in done.stderr


if sys.platform == "win32":
    LIMIT = 80.0  # Wine on a busy machine
