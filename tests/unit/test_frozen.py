from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from sidecar import frozen


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    fake = {
        "PATH": "/bin",
        "LD_LIBRARY_PATH": "/app/_internal",
        "_PYI_ARCHIVE_FILE": "/app/sidecar",
        "_MEIPASS2": "/app",
    }
    monkeypatch.setattr(os, "environ", fake)
    return fake


@pytest.mark.posix(reason="LD_LIBRARY_PATH is Linux's")
@pytest.mark.skipif(sys.platform == "darwin", reason="PyInstaller sets LD_LIBRARY_PATH on Linux, not on macOS")
def test_the_environment_is_again_what_the_owner_gave(environment: dict[str, str]) -> None:
    environment["LD_LIBRARY_PATH_ORIG"] = "/usr/local/lib"
    frozen.shed_loader()
    environment.pop("PYTEST_CURRENT_TEST", None)
    assert environment == {"PATH": "/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}


def test_what_the_owner_did_not_give_is_gone(environment: dict[str, str]) -> None:
    frozen.shed_loader()
    assert not [name for name in environment if name.startswith(("_PYI", "_MEI"))]
    environment.pop("PYTEST_CURRENT_TEST", None)
    if sys.platform == "linux":
        assert environment == {"PATH": "/bin"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    internal = tmp_path / "_internal"
    internal.mkdir()
    for name in ("sidecar", "_internal/one.so", "_internal/two.so"):
        (tmp_path / name).write_bytes(b"12345")
    files = dict.fromkeys(["sidecar", "_internal/one.so", "_internal/two.so"], 5)
    (internal / "contents.json").write_text(json.dumps({"files": files}))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "sidecar"))
    monkeypatch.setattr(sys, "_MEIPASS", str(internal), raising=False)
    return tmp_path


def test_a_whole_folder_has_no_damage(folder: Path) -> None:
    assert frozen.damage() == ""
    (folder / "_internal" / "one.so").write_bytes(b"12345 and a signature")
    assert frozen.damage() == ""


def test_what_is_missing_or_cut_off_is_named_with_the_remedy(folder: Path) -> None:
    (folder / "_internal" / "one.so").unlink()
    (folder / "_internal" / "two.so").write_bytes(b"123")
    said = frozen.damage()
    assert "missing or incomplete: _internal/one.so, _internal/two.so." in said
    assert str(folder) in said
    assert "Reinstall the app" in said


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}'])
def test_a_list_that_cannot_be_read_accuses_nothing(folder: Path, text: str) -> None:
    (folder / "_internal" / "contents.json").write_text(text)
    assert frozen.damage() == ""
