"""``sidecar doctor``: a real sidecar, real obstacles, and the message that a user sees."""

from __future__ import annotations

import json
import socket
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import http_backend, script_backend
from tests.support.launch import run_sidecar, run_sidecar_here, toml_value


def doctor(*words: str, backend: list[str] | None = None, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = run_sidecar_here("doctor", *words, *(["--", *backend] if backend else []), env=env)
    return done.returncode, done.stdout, done.stderr


def setting(name: str, value: Any) -> tuple[str, str]:
    return "--set", f"{name}={toml_value(value)}"


def checks(output: str) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in json.loads(output)}


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, str]:
    return setting("paths.data", str(tmp_path / "data"))


def test_without_findings_the_doctor_says_so_and_exits_with_0(data: tuple[str, str]) -> None:
    done = run_sidecar("doctor", "--json", *data, "--profile", "generic", "--", *http_backend())
    assert (done.returncode, done.stderr) == (0, "")
    assert {check["status"] for check in checks(done.stdout).values()} == {"ok"}


def test_a_backend_that_exits_right_after_it_was_ready_did_not_start(data: tuple[str, str]) -> None:
    code = """import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(0.5)
sys.exit("Error: no module app")"""
    status, output, error = doctor("--start", "--json", *data, "--profile", "generic", backend=script_backend(code))
    start = checks(output)["start"]
    assert "The backend is ready" in error
    assert (status, start["status"], start["output"]) == (1, "failed", ["Error: no module app"])
    assert start["message"] == "The backend was ready, then: exit code 1"
    assert "no module app" in start["cause"]
    assert Path(start["report"]).is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows what a signal does")
@pytest.mark.parametrize(("handler", "kills"), [("", True), ("signal.signal(signal.SIGTERM, sys.exit)", False)])
def test_a_backend_that_the_stop_signal_only_kills_is_said_to_end_at_once(
    data: tuple[str, str], handler: str, kills: bool
) -> None:
    code = f"""import os, signal, socket, sys, time
{handler}
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(600)"""
    _, output, _ = doctor("--start", "--json", *data, "--profile", "generic", backend=script_backend(code))
    message = checks(output)["shutdown_endpoint"]["message"]
    assert ("SIGTERM ends the backend at once" in message) is kills


def test_the_table_shows_what_was_seen_and_what_to_do(data: tuple[str, str]) -> None:
    status, output, _ = doctor(*data, backend=["/no/such/backend"])
    assert status == 1
    assert "does not exist" in output
    assert "→" in output
    assert "1 failed" in output


def test_a_table_that_no_terminal_shows_folds_no_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20)
    _, output, _ = doctor(*setting("paths.data", str(folder)), backend=["/no/such/backend"])
    assert f"{folder} can be written\n" in output


def test_every_obstacle_is_a_finding_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, output, _ = doctor(
            "--json",
            *setting("paths.data", str(tmp_path / "data")),
            *setting("backend.port", port),
            *setting("backend.env", {"ASPNETCORE_URLS": "http://0.0.0.0:5000"}),
            backend=http_backend(),
        )
    found = checks(output)
    assert status == 1
    assert [found[name]["status"] for name in ("port", "folder_data", "exposure")] == ["failed", "failed", "warning"]
    assert f"Port {port} is in use by" in found["port"]["message"]


def test_started_a_backend_that_dies_is_explained_by_its_own_words(data: tuple[str, str]) -> None:
    code = "import sqlite3; raise sqlite3.OperationalError('database is locked')"
    status, output, _ = doctor(
        "--json", "--start", *data, *setting("restart.attempts", 0), backend=[*script_backend(code)]
    )
    found = checks(output)
    assert status == 1
    assert found["start"]["evidence"] == "BACKEND_EXITED"
    assert "locked by another program" in found["crashes"]["message"]


def test_started_a_backend_that_works_is_stopped_again_and_a_warning_is_not_a_failure(data: tuple[str, str]) -> None:
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    status, output, _ = doctor("--json", "--start", *data, backend=http_backend(), env=proxy)
    assert status == 0
    assert (checks(output)["start"]["status"], checks(output)["proxy"]["status"]) == ("ok", "warning")


def test_wrong_settings_are_reported_with_their_own_status() -> None:
    status, output, _ = doctor("--json", *setting("backend.port", "many"), backend=http_backend())
    assert status == 78
    assert "port" in checks(output)["sidecar"]["message"]


def test_a_bundle_holds_logs_reports_and_diagnosis_without_secrets(data: tuple[str, str], tmp_path: Path) -> None:
    bundle = tmp_path / "support.zip"
    (tmp_path / "data" / "logs").mkdir(parents=True)
    (tmp_path / "data" / "logs" / "sidecar.log").write_text("yesterday, with hunter2secret\n")
    code = "import os, sys; print('the token is', os.environ['MY_TOKEN'], flush=True); sys.exit(3)"
    status, _, _ = doctor(
        "--start",
        "--bundle",
        str(bundle),
        *data,
        *setting("restart.attempts", 0),
        backend=script_backend(code),
        env={"MY_TOKEN": "hunter2secret"},
    )
    assert status == 1
    with zipfile.ZipFile(bundle) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"diagnosis.json", "info.json", "system.txt", "logs/sidecar.log"} <= set(texts)
    assert any(name.startswith("logs/crash-") for name in texts)
    assert "yesterday, with ***" in texts["logs/sidecar.log"]
    assert "the token is" in texts["logs/backend/backend-000001.log"]
    assert [name for name, text in texts.items() if "hunter2secret" in text] == []
    assert sys.version.split()[0] in texts["system.txt"]
