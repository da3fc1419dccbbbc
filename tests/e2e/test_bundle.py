"""``sidecar doctor --bundle``: it contains what a support ticket needs, and no secret, wherever one was planted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.e2e.test_doctor import doctor
from tests.support.backends import script_backend

SECRETS = {
    "variable of the settings file": "planted-in-settings",
    "variable of the settings file, with signs": 'pl"anted/with ümlaut',
    "variable of the environment": "planted-in-environment",
    "variable of a flag": "planted-by-set",
    "argument of the command": "planted-in-command",
    "password of an address": "planted-in-address",
    "the backend's own text": "planted-by-backend",
    "what stands in an old log": "planted-long-ago",
    "a token that gives itself away": "ghp_planted0123456789abcdefghij",
}
SETTINGS = """\
[backend.env]
MAIL_PASSWORD = "planted-in-settings"   # of the support account
ODD_SECRET = "pl\\"anted/with ümlaut"
STORE = "https://me:planted-in-address@example.com/"
MODE = "fast"

[restart]
attempts = 0
"""
CODE = """
import os, sys
for name in ("MAIL_PASSWORD", "ODD_SECRET", "SHELL_TOKEN", "FLAG_TOKEN", "STORE"):
    print("got", os.environ[name], flush=True)
print('{"session_token": "planted-by-backend"}', sys.argv[1], "ghp_planted0123456789abcdefghij", flush=True)
sys.exit("cannot use " + os.environ["MAIL_PASSWORD"] + " and " + os.environ["SHELL_TOKEN"])
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    tmp_path = tmp_path_factory.mktemp("bundle")
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS, "utf-8")
    logs = tmp_path / "data" / "logs"
    for folder in ("backend", "backend-2"):
        (logs / folder).mkdir(parents=True)
        (logs / folder / "backend-000001.log").write_bytes(b"password=planted-long-ago\r\nfrom planted-in-settings\n")
    (logs / "sidecar.2026-01-01_00-00-00_000000.log").write_text(
        "token: planted-long-ago, pl%22anted%2Fwith%20%C3%BCmlaut\n"
    )
    bundle = tmp_path / "support.zip"
    status, _, _ = doctor(
        "--start",
        "--bundle",
        str(bundle),
        "--config",
        str(settings),
        "--set",
        f"paths.data={json.dumps(str(tmp_path / 'data'))}",
        "--set",
        'backend.env.FLAG_TOKEN="planted-by-set"',
        backend=[*script_backend(CODE), "--api-key=planted-in-command"],
        env={"SHELL_TOKEN": "planted-in-environment"},
    )
    assert status == 1
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def test_no_secret_is_in_a_bundle(texts: dict[str, str]) -> None:
    whole = {name: text.replace("\\", "") for name, text in texts.items()}
    found = [(what, name) for what, secret in SECRETS.items() for name, text in whole.items() if secret in text]
    assert found == []
    assert [name for name, text in texts.items() if "planted" in text or "anted/with" in text] == []


def test_a_bundle_holds_what_is_needed_and_says_where_a_secret_was(texts: dict[str, str]) -> None:
    assert {"diagnosis.json", "info.json", "system.txt", "settings.toml", "logs/backend-2/backend-000001.log"} <= set(
        texts
    )
    assert any(name.startswith("logs/crash-") for name in texts)
    assert 'MAIL_PASSWORD = "***"   # of the support account' in texts["settings.toml"]
    assert 'MODE = "fast"' in texts["settings.toml"]
    assert "https://***@example.com/" in texts["settings.toml"]
    assert "got ***" in texts["logs/backend/backend-000001.log"]
    assert json.loads(texts["info.json"])["settings"]["backend"]["env"]["MODE"] == "fast"
    assert any("cannot use ***" in text for name, text in texts.items() if name.startswith("logs/crash-"))


def test_settings_that_are_wrong_are_bundled_as_well(tmp_path: Path) -> None:
    settings, bundle = tmp_path / "settings.toml", tmp_path / "support.zip"
    settings.write_text('[backend]\nport = "many"\nenv = { API_KEY = "planted", MODE = "fast" }\n')
    status, _, _ = doctor("--bundle", str(bundle), "--config", str(settings))
    assert status == 78
    with zipfile.ZipFile(bundle) as archive:
        assert "many" in archive.read("diagnosis.json").decode()
        assert archive.read("settings.toml").decode().split() == [
            *("[backend]", "port", "=", '"many"'),
            *("env", "=", "{", "API_KEY", "=", '"***",', "MODE", "=", '"fast"', "}"),
        ]


def test_a_bundle_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    data = f"paths.data={json.dumps(str(tmp_path / 'data'))}"
    status, _, error = doctor("--bundle", str(tmp_path / "no" / "folder.zip"), "--set", data, "--profile", "generic")
    assert status == 64
    assert "cannot be written" in error
    assert "Traceback" not in error
