"""A record written before anything runs, and one replaced while an antivirus program briefly holds it."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from sidecar.process.platform import files
from sidecar.process.record import Record, RunRecord
from tests.support.processes import wait_until


def test_the_first_update_is_written_though_nothing_differs(tmp_path: Path) -> None:
    """Windows has neither guardian nor marker; another sidecar must still see one that has not started its backend."""
    record = Record(tmp_path, pytest.fail)
    record.update(failures=0)
    (path,) = tmp_path.iterdir()
    written = path.read_bytes()
    record.update(failures=0)
    assert path.read_bytes() == written


class Held:
    """os.replace, or another change of a file, that fails ``times`` times, with a Windows error and as on ``platform``."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        times: int,
        winerror: int,
        *,
        call: str = "replace",
        platform: str = "win32",
    ) -> None:
        self.calls = 0
        really = getattr(os, call)

        def change(*paths: str, **_: object) -> None:
            self.calls += 1
            if self.calls <= times:
                error = PermissionError(13, "held")
                error.winerror = winerror  # type: ignore[attr-defined,unused-ignore]  # Windows only
                raise error
            really(*paths)

        monkeypatch.setattr(os, call, change)
        monkeypatch.setattr(files, "SYSTEM", platform)


def replace_in(folder: Path) -> Path:
    (folder / "new").write_text("new")
    (folder / "old").write_text("old")
    files.move_file(folder / "new", folder / "old")
    return folder / "old"


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_file_that_is_held_for_a_moment_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winerror: int
) -> None:
    held = Held(monkeypatch, 2, winerror)
    assert replace_in(tmp_path).read_text() == "new"
    assert held.calls == 3


def test_a_file_that_is_held_for_a_moment_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("old")
    held = Held(monkeypatch, 2, 32, call="unlink")
    files.remove_file(tmp_path / "old")
    assert (held.calls, list(tmp_path.iterdir())) == (3, [])


def test_on_windows_a_folder_inherits_the_rights_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    really = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda name, mode, **_: (modes.append(mode), really(name, mode)))
    files.make_folder(tmp_path / "data")
    assert modes == [0o777 if sys.platform == "win32" else 0o700]


def test_a_file_that_stays_held_is_an_error_after_less_than_100_ms_of_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    held = Held(monkeypatch, 1000, 32)
    with pytest.raises(PermissionError):
        replace_in(tmp_path)
    assert held.calls == 6
    assert sum(slept) < 0.1


def test_a_folder_in_the_place_of_a_file_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, 99, 5)  # access denied, as for a file that is held
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").mkdir()
    with pytest.raises(PermissionError):
        files.move_file(tmp_path / "new", tmp_path / "old")
    assert held.calls == 1


@pytest.mark.parametrize(("platform", "winerror"), [("win32", 112), ("linux", 32)])
def test_any_other_error_is_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, winerror: int
) -> None:
    held = Held(monkeypatch, 1000, winerror, platform=platform)
    with pytest.raises(PermissionError):
        replace_in(tmp_path)
    assert held.calls == 1


def test_a_replacement_that_failed_leaves_the_old_content_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    files.replace_file(path, b"old")
    Held(monkeypatch, 1000, 32)
    with pytest.raises(PermissionError):
        files.replace_file(path, b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("run.json", b"old")]


def test_a_folder_on_a_drive_or_share_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "not there")

    monkeypatch.setattr(os, "mkdir", missing)
    with pytest.raises(FileNotFoundError):
        files.make_folder(f"{os.sep}share{os.sep}folder")


def test_a_hanging_disk_delays_no_change_and_gets_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _thread._count()
    record = Record(tmp_path, pytest.fail)
    record.update(port=5000)
    answers, asked = threading.Event(), threading.Event()
    written: list[bytes] = []

    def write(_path: object, data: bytes) -> None:
        asked.set()
        assert answers.wait(60)
        written.append(data)

    monkeypatch.setattr("sidecar.process.record.replace_file", write)
    begin = time.monotonic()
    record.update(port=5001)
    assert asked.wait(60)
    for port in range(5002, 5100):
        record.update(port=port)
    assert _thread._count() <= before + 1
    assert time.monotonic() - begin < 5
    removing = threading.Thread(target=record.remove)
    answers.set()
    wait_until(lambda: len(written) == 2, 60)
    assert [msgspec.json.decode(data, type=RunRecord).port for data in written] == [5001, 5099]
    removing.start()
    removing.join(60)
    record.update(port=5100)
    wait_until(lambda: _thread._count() == before, 60)
    assert len(written) == 3  # the port, for the next sidecar
    assert list(tmp_path.iterdir()) == []
