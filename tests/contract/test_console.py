"""The headless tools as a user runs them: their output, their exit statuses, and nothing left behind."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.console import demo
from tests.support import processes
from tests.support.backends import http_backend
from tests.support.launch import run_sidecar, run_sidecar_here

SECONDS = "40" if sys.platform == "win32" else "8"  # under Wine each start takes seconds


def failed(done: subprocess.CompletedProcess[str], status: int = 1) -> dict[str, Any]:
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    error: dict[str, Any] = json.loads(done.stderr)["error"]
    return error


def test_the_demo_shows_a_crash_and_a_recovery_and_exits_with_the_result() -> None:
    # What is set for the user's own app must not reach the demo.
    done = run_sidecar(
        "demo", "--seconds", SECONDS, env={"SIDECAR_BACKEND__MANAGED": "false", "SIDECAR_BACKEND__PORT": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"Recovered: process (\d+) crashed, process (\d+) replaced it on port \d+", done.stdout)
    assert found
    assert found[1] != found[2]
    moves = re.findall(r"(\w+) → (\w+)", done.stdout)
    assert moves[:2] == [("STOPPED", "STARTING"), ("STARTING", "RUNNING")]
    assert moves[-1] == ("STOPPING", "STOPPED")
    assert not processes.is_alive(int(found[2]))
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(http_backend(exit_before_listening=3), id="dies"),
        pytest.param(http_backend(), id="has no button", marks=pytest.mark.slow),
        pytest.param(["/nonexistent/backend"], id="is not there", marks=pytest.mark.slow),
    ],
)
def test_a_demo_without_a_recovery_fails_and_says_what_was_missing(
    backend: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "backend_command", lambda: backend)
    assert demo.run(2.0) == 1
    assert "No recovery: the backend did not run and then crash" in capsys.readouterr().out


@pytest.mark.slow
def test_where_nothing_is_started_no_command_is_needed() -> None:
    for words in (["doctor"], ["call", "sidecar:ping"], ["call", "backend:diagnose"]):
        assert "No backend command given. Write" not in run_sidecar_here(*words, env={"SIDECAR_PROFILE": None}).stderr
    watched = ["--set", "backend.managed=false", "--set", "backend.url=http://127.0.0.1:9"]
    assert run_sidecar_here("call", "backend:status", *watched, env={"SIDECAR_PROFILE": None}).returncode != 64


def test_the_backend_runs_where_the_caller_is_unless_set_otherwise(tmp_path: Path) -> None:
    show = "import os, sys; sys.exit(os.getcwd())"
    start = ["call", "backend:start", "--set", "restart.attempts=0"]
    for flags, folder in (([], Path.cwd()), (["--cwd", str(tmp_path)], tmp_path)):
        error = failed(
            run_sidecar_here(*start, *flags, "--", sys.executable, "-c", show, env={"SIDECAR_PROFILE": None})
        )
        assert str(folder) in error["data"]["output"]
        assert f"(working folder: {folder})" in error["message"]


def test_call_starts_the_backend_asks_and_prints_json() -> None:
    done = run_sidecar("call", "backend:version", "--", *http_backend())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["semanticVersion"] == "1.2.3"
    assert done.stderr == ""


def test_call_answers_for_a_backend_that_others_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"backend.url=http://127.0.0.1:{port}"
        words = ("--profile", "generic", "--set", "backend.managed=false", "--set", url)
        status = json.loads(run_sidecar_here("call", "backend:status", *words).stdout)
        assert (status["state"], status["managed"], status["port"]) == ("RUNNING", False, port)
        assert failed(run_sidecar_here("call", "backend:stop", *words))["code"] == "NOT_MANAGED"


def test_call_stops_what_it_started() -> None:
    done = run_sidecar_here("call", "backend:start", "--", *http_backend())
    assert not processes.is_alive(json.loads(done.stdout)["pid"])


def test_call_passes_arguments_and_settings_on() -> None:
    done = run_sidecar_here(
        "call", "backend:logs", '{"lines": 1}', "--set", "log.level=error", "--", *http_backend(say="one\ntwo")
    )
    assert [line["text"] for line in json.loads(done.stdout)] == ["two"]


def test_call_without_a_backend() -> None:
    done = run_sidecar_here("call", "sidecar:ping", '{"any": ["thing", "ü"]}')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"any": ["thing", "ü"]})


def test_what_a_code_page_lacks_is_still_printed() -> None:
    env: dict[str, str | None] = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_sidecar("call", "sidecar:ping", '"→ ü"', env=env)
    assert (done.returncode, json.loads(done.stdout)) == (0, "→ ü")


def test_call_prints_an_error_as_json_on_stderr() -> None:
    error = failed(run_sidecar_here("call", "backend:nope"))
    assert error["code"] == "UNKNOWN_CHANNEL"
    assert error["hint"]
    error = failed(
        run_sidecar_here("call", "backend:version", "--", *http_backend(exit_before_listening=3, say="the reason"))
    )
    assert error["code"] == "BACKEND_EXITED"
    assert "the reason" in error["data"]["output"]


@pytest.mark.parametrize(
    ("words", "code", "right"),
    [
        (["backend:strat"], "UNKNOWN_CHANNEL", "Did you mean backend:start?"),
        (["sidecar:subscribe", '["backend:lg"]'], "INVALID_ARGS", "Did you mean backend:log?"),
        (["backend:logs", '{"linez": 20}'], "INVALID_ARGS", "did you mean lines?"),
    ],
)
def test_call_names_the_right_one_for_a_typo(words: list[str], code: str, right: str) -> None:
    error = failed(run_sidecar_here("call", *words, "--", *http_backend(exit_before_listening=3)))
    assert error["code"] == code
    assert right in f"{error['message']} {error['hint']}"


def test_serve_reports_it_too() -> None:
    done = run_sidecar("serve", "./app", "--port", "5")
    assert done.returncode == 64
    assert "sidecar serve -- ./app --port 5" in done.stderr


def test_a_program_in_place_of_a_command_gets_one_before_it() -> None:
    done = run_sidecar_here("./my-backend", "--port", "5")
    assert done.returncode == 64
    assert "Write: sidecar watch -- ./my-backend --port 5" in done.stderr


def test_a_typo_in_a_command_names_the_right_one() -> None:
    done = run_sidecar_here("wach", "--", "x")
    assert (done.returncode, done.stdout) == (64, "")
    assert "No such command 'wach'. Did you mean 'watch'?" in done.stderr


def test_call_says_what_messagepack_cannot_hold() -> None:
    error = failed(run_sidecar_here("call", "sidecar:ping", str(2**64)))
    assert error["code"] == "INVALID_ARGS"
    assert error["message"].startswith("The arguments cannot be sent")


def test_call_with_wrong_settings_ends_as_serve_does() -> None:
    error = failed(run_sidecar_here("call", "sidecar:ping", "--set", "timeouts.startup=soon"), 78)
    assert error["code"] == "INVALID_CONFIG"
    assert "timeouts.startup" in error["message"]
