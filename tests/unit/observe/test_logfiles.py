from __future__ import annotations

import _thread
import os
import shutil
import threading
from pathlib import Path

import pytest

from sidecar.observe import logfiles
from sidecar.observe.logfiles import CHUNK_COST, LogFiles
from tests.support.processes import until


def no_thread(*_: object) -> int:
    raise RuntimeError("can't start new thread")


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("backend-*.log")))


async def test_what_waits_together_is_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    waiting = threading.Event()
    monkeypatch.setattr(logfiles, "make_folder", lambda _folder: waiting.wait(60))
    monkeypatch.setattr(logfiles, "write_all", lambda _fd, data: written.append(data))
    files = LogFiles(tmp_path, pytest.fail)
    for number in range(10):
        files.put(b"%d" % number)
    waiting.set()
    assert await files.close(30)
    assert b"".join(written) == b"0123456789"
    assert len(written) <= 2


async def test_what_came_while_the_system_had_no_process_left_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", no_thread)
        files.put(b"first\n")
        assert not await files.close(30)
    files.put(b"second\n")
    assert await files.close(30)
    assert content(tmp_path) == b"first\nsecond\n"


async def test_a_full_file_is_followed_by_the_next_and_the_newest_ten_are_kept(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.max_bytes = 100
    for number in range(30):
        files.put(b"%099d\n" % number)
        await until(lambda: files._taken == files._put)
    assert await files.close(30)
    assert content(tmp_path) == b"".join(b"%099d\n" % number for number in range(20, 30))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"backend-{number:06}.log" for number in range(21, 31)]


async def test_the_next_start_goes_on_in_the_newest_file_until_it_is_full(tmp_path: Path) -> None:
    for word in (b"first start\n", b"second start\n", b"third start\n"):
        files = LogFiles(tmp_path, pytest.fail)
        files.max_bytes = 20
        files.put(word)
        assert await files.close(30)
    assert (tmp_path / "backend-000001.log").read_bytes() == b"first start\nsecond start\n"
    assert (tmp_path / "backend-000002.log").read_bytes() == b"third start\n"


async def test_two_sidecars_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    one, two = LogFiles(tmp_path, pytest.fail), LogFiles(tmp_path, pytest.fail)
    log = tmp_path / "backend-000001.log"
    for number in range(20):
        data = b"%d from one\n" % number
        one.put(data)
        await until(lambda data=data: data in content(tmp_path))
        two.put(b"%d from two\n" % number)
        await until(lambda number=number: content(tmp_path).endswith(b"%d from two\n" % number))
    assert await one.close(30)
    assert await two.close(30)
    assert log.read_bytes() == b"".join(b"%d from one\n%d from two\n" % (number, number) for number in range(20))


async def test_output_beyond_the_queue_is_dropped_and_the_file_says_how_much(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.queue_bytes = CHUNK_COST + 100
    files.put(b"a" * 200)
    assert not files._is_running  # larger than the whole queue
    files.put(b"small\n")
    assert await files.close(30)
    assert content(tmp_path) == b"\n[sidecar] 200 bytes of output were not written here\nsmall\n"


async def test_a_backend_that_writes_byte_by_byte_to_a_stalled_disk_is_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = threading.Event()
    monkeypatch.setattr("sidecar.observe.logfiles.make_folder", lambda _folder: stalled.wait(60))
    files = LogFiles(tmp_path, pytest.fail)
    files.queue_bytes = 10 * (CHUNK_COST + 1)
    for _byte in range(100):
        files.put(b"x")
    stalled.set()
    await until(lambda: files._taken == files._put)
    files.put(b"y")
    assert await files.close(30)
    assert content(tmp_path) == b"x" * 10 + b"\n[sidecar] 90 bytes of output were not written here\ny"


async def test_a_folder_that_cannot_be_written_is_reported_once_and_tried_again(tmp_path: Path) -> None:
    reported: list[str] = []
    folder = tmp_path / "backend"
    folder.write_bytes(b"a file where the folder should be")
    files = LogFiles(folder, reported.append)
    files.retry = 0.0
    files.put(b"lost\n")
    files.put(b"lost too\n")
    await until(lambda: files._taken == files._put)
    assert len(reported) == 1
    assert str(folder) in reported[0]
    folder.unlink()
    files.put(b"kept\n")
    assert await files.close(30)
    assert content(folder) == b"\n[sidecar] 14 bytes of output were not written here\nkept\n"


@pytest.mark.posix(reason="/dev/full is Linux's own full disk")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_is_reported_once_and_supervision_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(logfiles, "open_append", lambda _: os.open("/dev/full", os.O_WRONLY))
    files = LogFiles(tmp_path, reported.append)
    files.retry = 0.0
    for _ in range(5):
        files.put(os.urandom(1000))
        await until(lambda: files._taken == files._put)
    assert await files.close(30)
    assert len(reported) == 1
    assert "No space left on device" in reported[0]


async def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "backend", pytest.fail)
    assert await files.close(1)
    assert not (tmp_path / "backend").exists()


@pytest.mark.posix(reason="Windows does not let a folder go while a file in it is open")
@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("renamed", [True, False])
async def test_a_folder_that_was_removed_or_renamed_is_made_again_with_one_warning(
    tmp_path: Path, busy: bool, renamed: bool
) -> None:
    warnings: list[str] = []
    folder = tmp_path / "logs" / "backend"
    files = LogFiles(folder, warnings.append)
    files.put(b"before\n")
    await until(lambda: files._taken == files._put and content(folder) == b"before\n")
    if renamed:
        folder.parent.rename(tmp_path / "away")
    else:
        shutil.rmtree(folder.parent)
    for number in range(3 if busy else 0):
        files.put(b"%d\n" % number)
    await until(lambda: list(folder.glob("*.log")))
    assert await files.close(30)
    assert content(folder) == (b"0\n1\n2\n" if busy else b"")
    assert warnings == [f"The backend's log folder {folder} was removed or renamed; it was created again."]
    if renamed:
        assert content(tmp_path / "away" / "backend") == b"before\n"


@pytest.mark.posix(reason="Windows does not rename a file that is open")
async def test_a_file_that_was_rotated_by_another_program_is_begun_again(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.put(b"before\n")
    await until(lambda: content(tmp_path) == b"before\n")
    (tmp_path / "backend-000001.log").rename(tmp_path / "rotated")
    files.put(b"after\n")
    assert await files.close(30)
    assert content(tmp_path) == b"after\n"
    assert (tmp_path / "rotated").read_bytes() == b"before\n"


async def test_a_file_that_another_program_truncates_has_no_hole(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    log = tmp_path / "backend-000001.log"
    files.put(b"before\n" * 1000)
    await until(lambda: files._taken == files._put and log.exists() and log.stat().st_size == 7000)
    os.truncate(log, 0)
    files.put(b"after\n")
    files.put(b"error\n")
    assert await files.close(30)
    assert log.read_bytes() == b"after\nerror\n"
