from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sidecar.settings.load import load
from sidecar.settings.model import Paths
from sidecar.settings.paths import resolve_paths


def resolved(*overrides: str, profile: str | None = None) -> Paths:
    return resolve_paths(load(environ={}, overrides=overrides, profile=profile).settings)


def test_logs_and_temp_lie_in_the_data_folder(tmp_path: Path) -> None:
    assert resolved(f"paths.data={tmp_path}") == Paths(str(tmp_path), str(tmp_path / "logs"), str(tmp_path / "temp"))


def test_each_folder_can_be_set(tmp_path: Path) -> None:
    overrides = [f"paths.{name}={tmp_path / name}" for name in ("data", "logs", "temp")]
    assert resolved(*overrides) == Paths(*(str(tmp_path / name) for name in ("data", "logs", "temp")))


def test_the_folder_that_electron_reports_is_the_data_folder_unless_one_is_set(tmp_path: Path) -> None:
    assert resolved(f"app.user_data={tmp_path}").data == str(tmp_path)
    assert resolved(f"app.user_data={tmp_path}", f"paths.data={tmp_path / 'x'}").data == str(tmp_path / "x")


def test_aura_has_its_folder_in_electrons_temporary_one_and_others_share_none(tmp_path: Path) -> None:
    reported = (f"app.temp={tmp_path / 'tmp'}", f"paths.data={tmp_path}")
    assert resolved(*reported, profile="aura").temp == str(tmp_path / "tmp" / "aura-video-studio")
    assert resolved(*reported, profile="generic").temp == str(tmp_path / "temp")
    assert resolved(*reported, f"paths.temp={tmp_path / 'own'}", profile="aura").temp == str(tmp_path / "own")


def test_by_default_each_profile_has_its_own_folder_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    usual = {"win32": "AppData/Local", "darwin": "Library/Application Support"}.get(sys.platform, ".local/share")
    assert resolved(profile="aura").data == str(Path.home() / usual / "aura-video-studio")
    assert resolved().data == str(Path.home() / usual / "electron-backend-sidecar")


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="only the XDG specification has relative paths ignored")
@pytest.mark.parametrize("value", ["", "share", "./share"])
def test_a_relative_folder_of_the_variable_is_ignored(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert resolved().data == str(Path.home() / ".local/share/electron-backend-sidecar")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no variable for it")
def test_the_systems_own_variable_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    assert resolved().data == str(tmp_path / "electron-backend-sidecar")


def test_relative_folders_become_absolute_and_the_tilde_is_home() -> None:
    assert resolved("paths.data=here").data == str(Path.cwd() / "here")
    assert resolved("paths.data=~/here").data == str(Path("~/here").expanduser())
