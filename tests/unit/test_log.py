from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.log import Entry, Log, render
from sidecar.log.sinks import render_json
from sidecar.process.platform import files
from sidecar.settings.model import Log as LogSettings
from sidecar.settings.model import Settings
from tests.support.processes import until


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    yield log
    log.close()


def hide(text: str) -> str:
    return text.replace("hunter2", "***")


async def test_entries_before_the_log_is_attached_keep_their_own_time(log: Log, tmp_path: Path) -> None:
    before = time.time()
    log.info("early bird")
    after = time.time()
    await log.attach(Settings(log=LogSettings(json=True)), tmp_path)
    log.close()
    (line,) = (tmp_path / "sidecar.log").read_text("utf-8").splitlines()
    reported = Entry(before, "info", "early bird", {}), Entry(after, "info", "early bird", {})
    assert render_json(reported[0], str) <= line <= render_json(reported[1], str)


async def test_entries_reach_stderr_and_the_file_and_never_stdout(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await log.attach(Settings(), tmp_path / "logs")
    log.warning("port taken", port=5005)
    log.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("WARNING port taken  port=5005\n")
    assert (tmp_path / "logs" / "sidecar.log").read_text("utf-8") == err


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        (Settings(), ["info", "warning", "error"]),
        (Settings(log=LogSettings(level="error")), ["error"]),
    ],
    ids=["all", "error only"],
)
async def test_the_level_comes_from_the_settings(
    log: Log, tmp_path: Path, settings: Settings, reported: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("early info")
    await log.attach(settings, tmp_path)
    for level in ("info", "warning", "error"):
        getattr(log, level)(f"logged as {level}")
    log.close()
    lines = (tmp_path / "sidecar.log").read_text("utf-8").splitlines()
    assert [line.split()[-1] for line in lines if "logged as" in line] == reported
    assert any("early info" in line for line in lines) == ("info" in reported)
    capsys.readouterr()


async def test_secrets_are_masked_in_messages_and_fields_on_every_sink(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_mask(hide)
    await log.attach(Settings(log=LogSettings(json=True)), tmp_path)
    log.info("the password is hunter2", url="http://x?p=hunter2", parts=["hunter2"], port=1)
    log.close()
    everything = (tmp_path / "sidecar.log").read_text("utf-8") + capsys.readouterr().err
    assert "hunter2" not in everything
    assert json.loads((tmp_path / "sidecar.log").read_text("utf-8"))["port"] == 1


async def test_a_text_with_markup_braces_and_lines_is_reported_as_it_is(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await log.attach(Settings(), tmp_path)
    log.info("<red>{0}</red> {nothing}\nsecond line", value="<b>{}")
    log.close()
    assert capsys.readouterr().err.endswith("INFO    <red>{0}</red> {nothing}\n    second line  value=<b>{}\n")


async def test_a_folder_that_cannot_be_written_is_reported_once_and_the_rest_goes_to_stderr(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    await log.attach(Settings(), tmp_path / "logs")
    log.info("first")
    log.info("second")
    log.close()
    err = capsys.readouterr().err
    assert err.count("cannot be written") == 1
    assert "Traceback" not in err
    assert "first" in err
    assert "second" in err


@pytest.mark.posix(reason="/dev/full is Linux's own full disk")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # loguru drops a file whose flush failed unclosed
async def test_a_full_disk_is_reported_once_and_the_rest_goes_to_stderr(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "open_append", lambda _: os.open("/dev/full", os.O_WRONLY))
    await log.attach(Settings(), tmp_path)
    for number in range(3):
        log.info(f"number {number}")
    log.close()
    err = capsys.readouterr().err
    assert err.count("No space left on device") == 1
    assert "Traceback" not in err
    assert [f"number {number}" in err for number in range(3)] == [True] * 3


@pytest.mark.parametrize("form", [(True, ""), (True, "half a li"), (False, ""), (False, "half a li")])
async def test_a_file_that_missed_entries_notes_that_when_it_recovers(
    log: Log,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[bool, str],
) -> None:
    as_json, torn = form
    path = tmp_path / "sidecar.log"
    tried: list[str] = []

    def refuse(_: object) -> int:
        tried.append("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sidecar.log.sinks.RETRY_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(files, "open_append", refuse)
        await log.attach(Settings(log=LogSettings(json=as_json)), tmp_path)
        log.info("lost")
        log.info("lost too")
        await until(lambda: len(tried) == 2)
    path.write_text(torn)
    log.info("after")
    log.close()
    lines = path.read_text("utf-8").splitlines()
    assert lines[: len(lines) - 2] == torn.splitlines()
    assert "entries that were not written here: 2" in lines[-2]
    assert "after" in lines[-1]
    assert capsys.readouterr().err.count("cannot be written") == 1


async def test_a_rotation_that_fails_loses_no_entry_and_is_tried_again(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no file that another sidecar has open."""
    monkeypatch.setattr("sidecar.log.sinks.ROTATE_BYTES", 100)
    monkeypatch.setattr("sidecar.log.sinks.RETRY_SECONDS", 0.2)
    tried: list[object] = []

    def held(*paths: object, **_: object) -> None:
        tried.append(paths)
        raise PermissionError(13, "another program has it open")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", held)
        await log.attach(Settings(), tmp_path)
        reported, end = 0, time.monotonic() + 20
        while len(tried) < 2 and time.monotonic() < end:
            log.info(f"number {reported}; " + "x" * 60)
            reported += 1
            time.sleep(0.02)
        log.close()
    err = capsys.readouterr().err
    assert len(tried) >= 2
    assert (tmp_path / "sidecar.log").read_text("utf-8") == err
    assert [err.count(f"number {number};") for number in range(reported)] == [1] * reported


async def test_a_rotation_that_fails_is_not_tried_with_each_entry(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.log.sinks.ROTATE_BYTES", 100)
    tried: list[object] = []

    def held(*paths: object, **_: object) -> None:
        tried.append(paths)
        raise PermissionError(13, "another program has it open")

    monkeypatch.setattr(os, "replace", held)
    await log.attach(Settings(), tmp_path)
    for number in range(5):
        log.info(f"number {number} " + "x" * 60)
    log.close()
    assert len((tmp_path / "sidecar.log").read_text("utf-8").splitlines()) == 5
    assert len(tried) == 1
    capsys.readouterr()


async def test_two_logs_on_one_folder_lose_no_entry_when_one_has_to_rotate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.log.sinks.ROTATE_BYTES", 200)
    with (tmp_path / "sidecar.log").open("a", encoding="utf-8"):  # as the other sidecar has it
        log = Log()
        await log.attach(Settings(), tmp_path)
        for number in range(9):
            log.info(f"number {number} " + "x" * 60)
        log.close()
    written = "".join(file.read_text("utf-8") for file in tmp_path.iterdir())
    assert [written.count(f"number {number}") for number in range(9)] == [1] * 9
    capsys.readouterr()


async def test_the_newest_files_are_kept(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.log.sinks.ROTATE_BYTES", 50)
    monkeypatch.setattr("sidecar.log.sinks.ROTATED_FILES", 2)
    foreign = [tmp_path / f"sidecar.{number}.log" for number in range(4)]
    before_the_clock_was_set_back = [tmp_path / f"sidecar.2999-01-0{day}_00-00-00_000000.log" for day in (1, 2)]
    for path in (*foreign, *before_the_clock_was_set_back):
        path.touch()
    await log.attach(Settings(), tmp_path)
    for number in range(6):
        log.info(f"number {number} " + "x" * 60)
    log.close()
    rotated = sorted({*tmp_path.glob("sidecar.*.log")} - {*foreign})
    assert [path.read_text("utf-8")[33:41] for path in rotated] == ["number 3", "number 4"]
    assert all(path.exists() for path in foreign)
    assert "number 5" in (tmp_path / "sidecar.log").read_text("utf-8")
    capsys.readouterr()


def _fail_here(text: str) -> ValueError:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(text)
    return caught.value


def _fail_there() -> ZeroDivisionError:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018  it raises
    return caught.value


async def test_a_defect_is_logged_with_its_traceback_and_masked(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_mask(hide)
    await log.attach(Settings(), tmp_path)
    log.defect("backend:ping", _fail_here("hunter2"))
    log.close()
    text = (tmp_path / "sidecar.log").read_text("utf-8")
    assert "ERROR   defect at backend:ping\n    Traceback (most recent call last):\n" in text
    assert "in _fail_here\n" in text
    assert text.endswith("    ValueError: invalid literal for int() with base 10: '***'\n")
    assert "hunter2" not in text + capsys.readouterr().err


def test_a_defect_is_logged_if_nothing_can_be_imported(
    log: Log, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bug is logged an answer or a state follows, which must not depend on a descriptor for an import."""
    monkeypatch.setitem(sys.modules, "traceback", None)
    log.defect("the launch", OSError(24, "Too many open files"))
    log.close()
    assert "defect at the launch" in (said := capsys.readouterr().err)
    assert "Too many open files" in said


def test_a_defect_is_logged_once_per_place_and_minute(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("sidecar.log.time.monotonic", lambda: now)
    for _ in range(1000):
        log.defect("a loop", _fail_here("here"))
        log.defect("a loop", _fail_there())
    now += 59
    log.defect("a loop", _fail_here("here"))
    now += 2
    log.defect("a loop", _fail_here("once more"))
    monkeypatch.undo()
    log.close()
    err = capsys.readouterr().err
    assert err.count("Traceback (most recent call last)") == 3
    assert err.count("'here'\n") == 1
    assert err.count("ZeroDivisionError: division by zero\n") == 1
    assert err.endswith("'once more'  skipped=1000\n")


def test_a_defect_that_was_never_raised_and_one_without_end_are_logged_too(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    def endless(number: int) -> int:
        return endless(-number) + endless(number)

    log.defect("nothing", KeyError("never raised"))
    with pytest.raises(RecursionError) as caught:
        endless(1)
    log.defect("recursion", caught.value)
    log.close()
    err = capsys.readouterr().err
    assert "KeyError: 'never raised'" in err
    assert "RecursionError" in err
    assert len(err.splitlines()) < 150


def test_a_log_that_was_never_attached_reports_on_stderr_at_its_close(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.error("invalid configuration", file="x.toml")
    log.close()
    assert capsys.readouterr().err.endswith("ERROR   invalid configuration  file=x.toml\n")
    log.close()
    assert capsys.readouterr().err == ""


async def test_telling_never_waits_for_a_reader_of_stderr(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, stuck, finished = threading.Event(), threading.Event(), threading.Event()

    class Blocked:
        def write(self, text: str) -> int:
            stuck.set()
            release.wait(30)
            if "number 99" in text:
                finished.set()
            return 0

        def flush(self) -> None: ...

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stderr", Blocked())
    await log.attach(Settings(), tmp_path)
    for number in range(100):
        log.info(f"number {number}")
    assert stuck.wait(30)
    started = time.monotonic()
    log.close(timeout=2)
    assert time.monotonic() - started < 10
    assert "number 99" in (tmp_path / "sidecar.log").read_text("utf-8")
    release.set()
    assert finished.wait(30)


def test_an_entry_renders_with_time_in_utc() -> None:
    assert render(Entry(0.5, "info", "hello", {}), str) == ("1970-01-01T00:00:00.500Z INFO   ", "hello")


def test_importing_the_log_imports_neither_loguru_nor_logging() -> None:
    code = "import sys; from sidecar.log import log; sys.exit(bool({'loguru', 'logging.handlers', 'json'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.posix(reason="Windows does not let a folder go while a file in it is open")
async def test_the_log_goes_on_in_a_folder_that_was_removed_and_with_names_that_are_not_utf8(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    await log.attach(Settings(log=LogSettings(json=as_json)), tmp_path / "logs")
    log.info("before")
    path = tmp_path / "logs" / "sidecar.log"
    await until(lambda: path.exists() and "before" in path.read_text("utf-8"))
    shutil.rmtree(path.parent)
    log.info("no file caf\udce9", path="caf\udce9")
    await until(lambda: path.exists() and "caf" in path.read_text("utf-8"))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    os.truncate(path, 0)
    log.info("after")
    log.close()
    assert path.read_bytes().startswith(b"{" if as_json else b"20")
    assert "after" in path.read_text("utf-8")
    assert "caf�" in capsys.readouterr().err
