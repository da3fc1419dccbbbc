"""Only the owner can use files of the data folder, and a link or FIFO in their place is not followed, waited for or read."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from sidecar.api.metrics_file import MetricsFile
from sidecar.backend.plan import make_folders
from sidecar.observe import check_files
from sidecar.observe.crash import CrashReports
from sidecar.observe.logfiles import LogFiles
from sidecar.observe.report import SUMMARY_MARK, CrashFacts, read_summary
from sidecar.process.executability import read_start
from sidecar.process.platform import files
from sidecar.settings.model import Paths
from sidecar.supervisor.stream import Stream
from tests.e2e.test_doctor import doctor
from tests.support.backends import script_backend
from tests.support.launch import run
from tests.support.processes import until

pytestmark = pytest.mark.posix(reason="modes, links without rights and FIFOs are POSIX")

REPORT = "crash-2026-11-23T10-55-00.123Z"


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.lstat().st_mode & 0o777 for path in folder.rglob("*")}


@pytest.mark.usefixtures("wide_umask")
def test_all_that_a_sidecar_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    data, bundle = tmp_path / "data", tmp_path / "support.zip"
    doctor(
        "--start",
        *("--bundle", str(bundle), "--set", f"paths.data={json.dumps(str(data))}", "--set", "restart.attempts=0"),
        backend=script_backend("print('hello', flush=True); raise SystemExit(3)"),
    )
    seen = modes(tmp_path)
    assert {"data/sidecar-last-run.json", "data/logs/backend/backend-000001.log", "support.zip"} <= set(seen)
    assert any("crash-" in name for name in seen)
    wrong = {name: oct(mode) for name, mode in seen.items() if mode != (0o700 if (tmp_path / name).is_dir() else 0o600)}
    assert wrong == {}


def test_what_an_app_keeps_in_its_folders_stays(tmp_path: Path) -> None:
    """The data folder is Electron's user-data folder, and the logs folder the app's, unless the app names others."""
    (tmp_path / "logs" / "backend").mkdir(parents=True)
    names = [
        *("run-config.json", "last-run.json", "notify-rules.json", "notify-7"),
        *(f"logs/crash-2026-01-{day:02}T10-55-00.{number}Z.log" for day in range(1, 31) for number in (123, 456)),
        *(f"logs/backend/backend-202611{day:02}.log" for day in range(1, 31)),
    ]
    for name in names:
        (tmp_path / name).write_text("the app's own")
    places = f"paths.data={json.dumps(str(tmp_path))}"
    doctor(
        *("--start", "--set", places, "--set", "backend.notify=true", "--set", "restart.attempts=0"),
        backend=script_backend("print('hello', flush=True); raise SystemExit(3)"),
    )
    assert (tmp_path / "logs" / "backend" / "backend-000001.log").exists()
    assert len(list((tmp_path / "logs").glob("crash-*.log"))) == 61
    kept = [name for name in names if (tmp_path / name).exists() and (tmp_path / name).read_text() == "the app's own"]
    assert kept == names


def test_a_file_of_an_older_version_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "sidecar.log"
    path.write_text("old\n")
    path.chmod(0o644)
    os.close(files.open_append(path))
    assert path.stat().st_mode & 0o777 == 0o600


# What may lie in a file's place ------------------------------------------------------------------------------------------


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.parent.parent / "foreign"
    target.write_text("foreign words\n")
    path.symlink_to(target)


def hard_link(path: Path) -> None:
    target = path.parent.parent / "foreign"
    target.write_text("foreign words\n")
    path.hardlink_to(target)


def dangling(path: Path) -> None:
    path.symlink_to(path.parent.parent / "nowhere")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


PLACED = (fifo, link, hard_link, dangling, device, folder)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir(mode=0o700)
    return tmp_path / "logs"


@pytest.mark.parametrize("placed", PLACED)
def test_only_regular_files_are_opened(place: Path, placed: Callable[[Path], None]) -> None:
    placed(place / "x")
    for opened in (files.open_regular, files.open_append, files.create_file, lambda path: files.read_file(path, 10)):
        begin = time.monotonic()
        with pytest.raises(OSError, match=r"."):
            opened(place / "x")
        assert time.monotonic() - begin < 5
    assert not (place.parent / "nowhere").exists()


def test_a_temporary_file_cannot_be_foreseen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with the predicted name stays as it is, and the write fails instead."""
    monkeypatch.setattr(os, "urandom", lambda count: b"\0" * count)
    link(place / f".x.{'00' * 8}.tmp")
    with pytest.raises(FileExistsError):
        files.replace_file(place / "x", b"ours")
    assert (place.parent / "foreign").read_text() == "foreign words\n"


def test_a_link_is_replaced_and_not_followed(place: Path) -> None:
    link(place / "x")
    files.replace_file(place / "x", b"ours")
    assert (place / "x").read_bytes() == b"ours"
    assert not (place / "x").is_symlink()
    assert (place.parent / "foreign").read_text() == "foreign words\n"


@pytest.mark.parametrize("placed", [fifo, device])
def test_what_is_not_a_file_is_not_replaced(place: Path, placed: Callable[[Path], None]) -> None:
    """Root can: a file in place of /dev/null breaks the machine."""
    placed(place / "x")
    with pytest.raises(OSError, match="it is not a regular file"):
        files.replace_file(place / "x", b"ours")
    assert [entry.is_file() for entry in place.iterdir()] == [False]


def test_the_diagnosis_neither_waits_for_files_next_to_the_program_nor_reads_all_of_them(place: Path) -> None:
    program, settings = place / "server", place / "server.runtimeconfig.json"
    program.write_bytes(check_files._HOST_MARK)  # a .NET program
    for placed in (fifo, device):  # the device last: where it is read, memory ends
        placed(settings)
        found: list[str] = []

        def check(found: list[str] = found) -> None:
            found.append(check_files.check_runtime(lambda: (str(program),), {}).message)
            found.append(check_files.check_libraries(lambda: (str(program),), {}).message)

        checking = threading.Thread(target=check, daemon=True)
        checking.start()
        checking.join(20)
        assert len(found) == 2, placed
        assert "it is not a regular file" in found[0]
        settings.unlink()


def test_the_program_is_not_waited_for_if_it_became_a_pipe(place: Path) -> None:
    fifo(place / "server")
    (place / "link").symlink_to(place / "server")
    (place / "script").write_bytes(b"#!/bin/sh\n")
    (place / "linked").symlink_to(place / "script")
    found: list[bytes] = []

    def read() -> None:
        found.extend(read_start(place / name) for name in ("server", "link", "linked", "none"))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(20)
    assert found == [b"", b"", b"#!/bin/sh\n", b""]


@pytest.mark.parametrize("placed", PLACED)
async def test_the_backends_log_continues_next_to_it(place: Path, placed: Callable[[Path], None]) -> None:
    placed(place / "backend-000001.log")
    log = LogFiles(place, lambda _: None)
    log.put(b"hello\n")
    assert await log.close(5)
    assert (place / "backend-000002.log").read_bytes() == b"hello\n"
    assert not (place.parent / "foreign").exists() or (place.parent / "foreign").read_text() == "foreign words\n"


async def test_a_number_beyond_all_others_does_not_end_the_removal_of_old_logs(place: Path) -> None:
    (place / "backend-999999.log").write_bytes(b"")
    log = LogFiles(place, pytest.fail)
    log.max_bytes = 10
    for _ in range(20):
        log.put(b"0123456789")
        await until(lambda: log._taken == log._put)
    assert await log.close(60)
    assert len(list(place.glob("backend-*.log"))) <= LogFiles.keep + 1


@pytest.mark.parametrize("placed", PLACED)
async def test_crash_reports_are_listed_without_it(place: Path, placed: Callable[[Path], None]) -> None:
    placed(place / f"{REPORT}.log")
    reports = CrashReports(place, pytest.fail)
    begin = time.monotonic()
    assert await reports.summaries() == []
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("number", [2**53, 2**64, 10**4300 - 1], ids=["largest", "too large", "endless"])
async def test_a_report_of_the_backends_own_does_not_end_the_reports(place: Path, number: int) -> None:
    """JSON cannot represent the next number, so no report was ever written again."""
    summary = f'{{"name":"{REPORT}","time":"t","run":1,"code":null,"signal":null,"text":"x","cause":null,"remedy":null,'
    summary += f'"attempt":1,"attempts":1,"nextStartIn":null,"final":true,"sequence":{number}}}'
    (place / f"{REPORT}.log").write_text(f"forged\n{SUMMARY_MARK}{summary}\n")
    _, forged = read_summary(f"x\n{SUMMARY_MARK}{summary.replace(str(number), '1')}\n") or (0, None)
    assert forged is not None
    for minute in (1, 2):
        name = REPORT.replace("T10-55", f"T11-0{minute}")
        reports = CrashReports(place, pytest.fail)  # each time another sidecar
        reports.submit(CrashFacts(summary=structs.replace(forged, name=name)))
        await reports.close(60)
        assert (place / f"{name}.log").exists()
        assert name in [one.name for one in await CrashReports(place, pytest.fail).summaries()]


@pytest.mark.parametrize(
    "placed", [link, *(pytest.param(one, marks=pytest.mark.slow) for one in PLACED if one is not link)]
)
def test_the_sidecars_log_does_not_go_there(place: Path, placed: Callable[[Path], None]) -> None:
    placed(place / "sidecar.log")
    begin = time.monotonic()
    status, _, _ = doctor(*data_folder(place))
    assert status in {0, 1}
    assert time.monotonic() - begin < 30
    assert not (place.parent / "nowhere").exists()
    assert not (place.parent / "foreign").exists() or (place.parent / "foreign").read_text() == "foreign words\n"


def test_a_bundle_holds_no_foreign_file_and_waits_for_none(place: Path) -> None:
    link(place / "sidecar.log")
    fifo(place / "crash-1.log")
    device(place / f"{REPORT}.log")
    outside = place.parent / "outside"
    outside.mkdir()
    (outside / "backend-000001.log").write_text("foreign words\n")
    (place / "backend-9").symlink_to(outside)
    with (place / "sidecar.2026.log").open("wb") as giant:
        giant.truncate(1 << 40)
        giant.seek(0, os.SEEK_END)
        giant.write(b"\nlast words\n")
    bundle = place.parent / "support.zip"
    doctor("--bundle", str(bundle), *data_folder(place))
    with zipfile.ZipFile(bundle) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, text in texts.items() if b"foreign words" in text]
    assert b"last words" in texts["logs/sidecar.2026.log"]
    assert sum(map(len, texts.values())) < 50 * 1024 * 1024


def test_a_bundle_takes_no_file_whose_name_is_an_attack(place: Path) -> None:
    """Its name steered the terminal, left the folder where it was unpacked on Windows, or ended the bundle with a traceback."""
    names = [
        b"sidecar..\\..\\..\\evil.log",
        b"sidecar\x1b]52;c;eA==\x07.log",
        b"sidecar\xff.log",
        "sidecar\u202e.log".encode(),
    ]
    for name in names:
        (place / os.fsdecode(name)).write_text("password=hunter2hunter2\n")
    (place / "backend-..\\..").mkdir()
    (place / "backend-..\\.." / "backend-000001.log").write_text("x")
    (place / "sidecar.log").write_text("ours\n")
    bundle = place.parent / "support.zip"
    _, _, error = doctor("--bundle", str(bundle), *data_folder(place))
    assert "Traceback" not in error
    assert "\x1b" not in error
    with zipfile.ZipFile(bundle) as archive:
        logs = [name for name in archive.namelist() if name.startswith("logs/")]
    assert logs == ["logs/sidecar.log"]


@pytest.mark.slow
def test_a_log_of_endless_names_does_not_fill_the_list_of_what_was_masked(place: Path) -> None:
    names = "".join(f"x{count}_{'x' * 500}_password=hunter{count}\n" for count in range(300))
    (place / "sidecar.log").write_text(names)
    bundle = place.parent / "support.zip"
    _, _, error = doctor("--bundle", str(bundle), *data_folder(place))
    with zipfile.ZipFile(bundle) as archive:
        listed = archive.read("masked.txt").decode()
    assert "others (" in listed
    assert len(listed) < 10_000
    assert len(error) < 20_000


def test_a_bundle_neither_replaces_a_link_which_dev_stdout_is_nor_writes_through_it(place: Path) -> None:
    link(place / "support.zip")
    status, _, error = doctor("--bundle", str(place / "support.zip"), *data_folder(place))
    assert status == 64
    assert "support.zip cannot be written: it is a link" in error
    assert (place / "support.zip").is_symlink()
    assert (place.parent / "foreign").read_text() == "foreign words\n"


def test_a_recording_is_not_written_through_a_link(place: Path) -> None:
    link(place / "x.rec")
    done = run([sys.executable, "-m", "sidecar", "record", str(place / "x.rec")], encoding=None)
    assert done.returncode == 64
    assert (place.parent / "foreign").read_text() == "foreign words\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a sandbox whose backend could make the link")
def test_what_a_sandboxed_backend_may_change_is_reached_by_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_places", {})
    (tmp_path / "real" / "logs").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "real")  # the user's own, above all that the backend may change
    files.keep_within([str(tmp_path / "data" / "logs"), str(tmp_path / "data")])
    place = tmp_path / "data" / "logs"
    files.replace_file(place / "ours", b"ours")
    files.make_folder(place / "a" / "b")
    (place / "a" / "b").rmdir()
    (place / "a").rmdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "ours").write_bytes(b"theirs")
    place.rename(place.with_name("aside"))
    place.symlink_to(outside)
    with socket.socket(socket.AF_UNIX) as server:
        for act in (
            lambda: files.open_append(place / "x"),
            lambda: files.create_file(place / "x"),
            lambda: files.read_file(place / "ours", 100),
            lambda: files.replace_file(place / "ours", b"ours"),
            lambda: files.make_folder(place / "a"),
            lambda: files.remove_file(place / "ours"),
            lambda: files.move_file(place / "ours", place / "moved"),
            lambda: files.bind_file(server, place / "socket"),
        ):
            with pytest.raises(OSError, match="by a link that the backend may have made"):
                act()
    assert [path.read_bytes() for path in outside.iterdir()] == [b"theirs"]
    files.replace_file(tmp_path / "elsewhere", b"x")


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
async def test_the_metrics_file_is_not_removed_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_places", {})
    files.keep_within([str(tmp_path / "data")])
    (tmp_path / "outside").mkdir()
    theirs = tmp_path / "outside" / "x.prom"
    theirs.write_text("theirs")
    (tmp_path / "data").symlink_to(tmp_path / "outside")
    supervisor: Any = SimpleNamespace(stream=Stream(lambda where, error: pytest.fail(f"{where}: {error}")))
    await MetricsFile(str(tmp_path / "data" / "x.prom"), supervisor).close()
    assert theirs.read_text() == "theirs"


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_doctor_warns_of_a_folder_that_others_can_write(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    check = check_files.check_folder("data", str(tmp_path))
    assert check.status == "warning"
    assert "other users can write to it" in check.message


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="only root can give a folder away")
def test_a_temporary_folder_that_another_user_made_before_us_is_reported(tmp_path: Path) -> None:
    """In /tmp anyone can make the folder whose name the app has: its owner reads and replaces what the backend keeps there."""
    tmp_path.chmod(0o1777)
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65_534, 65_534)
    for name in ("theirs", ".", "ours"):
        paths = Paths(str(tmp_path / "data"), str(tmp_path / "data" / "logs"), str(tmp_path / name))
        notes = list(make_folders(paths))
        assert len(notes) == (name == "theirs")
        assert all("it belongs to another user (uid 65534)" in note for note in notes)
        assert check_files.check_folder("temp", paths.temp).status == ("warning" if notes else "ok")


def test_a_folder_of_the_owner_is_trusted(tmp_path: Path) -> None:
    assert files.distrust(tmp_path) is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert files.distrust(tmp_path / "link") is None


def test_a_concurrent_reader_never_sees_a_partial_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.replace_file(path, b"a" * 10_000)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            files.replace_file(path, b"b" * 10_000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {len(files.read_file(path, 20_000)) for _ in range(200)} == {10_000}
    finally:
        stop.set()
        writer.join()


def data_folder(place: Path) -> tuple[str, ...]:
    return ("--set", f"paths.data={json.dumps(str(place.parent))}", "--set", f"paths.logs={json.dumps(str(place))}")
