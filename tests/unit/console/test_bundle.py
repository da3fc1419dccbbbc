from __future__ import annotations

import sys
import time
import zipfile
from pathlib import Path

import pytest

from sidecar.console.bundle import Bundle
from sidecar.process.platform import files
from sidecar.settings.masking import mask_text


def test_a_machine_whose_clock_stands_before_1980_gets_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    bundle = Bundle([], {})
    bundle.write(tmp_path / "support.zip")
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
    assert len(entries) == len(bundle.texts)
    assert {entry.date_time[0] for entry in entries} == {1980}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}


@pytest.mark.parametrize(
    "text",
    [
        'command = ["./backend", "--api-key", "hush"]',
        "command = ['./backend', '--api-key' ,'hush', '--port']",
        'command = [\n  "./backend",\n  "--api-key",  # of the account\n  "hush",\n]',
        'command = ["./backend", "--api-key=hush"]',
        '[backend.env]\nAPI_KEY = "hush"',
    ],
)
def test_a_settings_file_that_is_wrong_keeps_its_secrets(text: str, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f"no = such\n{text}\n")
    Bundle([], {}, ["--config", str(config), "--", "backend", "--token", "hidden"]).write(tmp_path / "support.zip")
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert b"hush" not in archive.read("settings.toml")


def test_flags_that_look_harmless_are_shown() -> None:
    text = 'command = ["./backend", "--port", "{port}", "--api-key", "--verbose"]'
    assert mask_text(text) == text


def test_a_bundle_says_before_it_is_written_what_it_masked_and_keeps_the_list(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "sidecar.log").write_text("DB_PASSWORD=planted1\nX-Api-Key: planted2\n")
    bundle = Bundle([], {"logs": str(logs)})
    assert bundle.summary() == "logs/sidecar.log: value of DB_PASSWORD (1), value of X-Api-Key (1)\n"
    assert not (tmp_path / "support.zip").exists()
    bundle.write(tmp_path / "support.zip")
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        assert archive.read("masked.txt").decode() == bundle.summary()
        assert b"planted" not in archive.read("logs/sidecar.log")


@pytest.mark.skipif(sys.platform != "linux", reason="the only system on which a sandbox is enforced")
def test_a_sandboxed_backends_link_in_place_of_the_logs_puts_no_other_file_into_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_places", {})
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "sidecar-of-another-app.log").write_text("foreign line\n")
    (tmp_path / "data" / "logs").symlink_to(tmp_path / "other")
    words = ["--set", f"paths.data={tmp_path / 'data'}", "--set", "sandbox.level=standard", "--", "backend"]
    assert not [text for text in Bundle([], {}, words).texts.values() if "foreign" in text]
