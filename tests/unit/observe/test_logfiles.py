from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from sidecar.observe import logfiles
from sidecar.observe.logfiles import CHUNK_COST, Chunk, LogFiles, join_chunks
from tests.support.processes import until


def block(data: bytes, stream: str = "stdout") -> Chunk:
    return Chunk(0.0, stream, data)


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("backend-*.log")))


def test_neighbours_of_one_stream_become_one_block() -> None:
    blocks = [block(b"a"), block(b"b"), block(b"c", "stderr"), block(b"d")]
    assert list(join_chunks(blocks)) == [block(b"ab"), block(b"c", "stderr"), block(b"d")]
    assert list(join_chunks([])) == []


async def test_a_full_file_is_followed_by_the_next_and_the_newest_ten_are_kept(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.max_bytes = 100
    for number in range(30):
        files.put(block(b"%099d\n" % number, "stdout" if number % 2 else "stderr"))
    assert await files.close(30)
    assert content(tmp_path) == b"".join(b"%099d\n" % number for number in range(20, 30))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"backend-{number:06}.{kind}" for number in range(21, 31) for kind in ("log", "index")
    )


async def test_the_next_start_goes_on_in_the_newest_file_until_it_is_full(tmp_path: Path) -> None:
    for word in (b"first start\n", b"second start\n", b"third start\n"):
        files = LogFiles(tmp_path, pytest.fail)
        files.max_bytes = 20
        files.put(block(word))
        assert await files.close(30)
    assert (tmp_path / "backend-000001.log").read_bytes() == b"first start\nsecond start\n"
    assert (tmp_path / "backend-000002.log").read_bytes() == b"third start\n"


async def test_two_sidecars_on_one_folder_lose_nothing_and_their_index_is_right(tmp_path: Path) -> None:
    one, two = LogFiles(tmp_path, pytest.fail), LogFiles(tmp_path, pytest.fail)
    log = tmp_path / "backend-000001.log"
    for number in range(20):
        data = b"%d from one\n" % number
        one.put(block(data))
        await until(lambda data=data: data in content(tmp_path))
        two.put(block(b"%d from two\n" % number, "stderr"))
        await until(lambda number=number: content(tmp_path).endswith(b"%d from two\n" % number))
    assert await one.close(30)
    assert await two.close(30)
    raw = log.read_bytes()
    for line in log.with_suffix(".index").read_text().splitlines():
        offset, length, _, stream = line.split()
        part = raw[int(offset) : int(offset) + int(length)]
        assert part.endswith(b"from one\n" if stream == "stdout" else b"from two\n")


async def test_output_beyond_the_queue_is_dropped_and_the_file_says_how_much(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.queue_bytes = CHUNK_COST + 100
    files.put(block(b"a" * 200))
    assert files._thread is None  # larger than the whole queue
    files.put(block(b"small\n"))
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
        files.put(block(b"x"))
    stalled.set()
    await until(lambda: files._taken == files._put)
    files.put(block(b"y"))
    assert await files.close(30)
    assert content(tmp_path) == b"x" * 10 + b"\n[sidecar] 90 bytes of output were not written here\ny"


async def test_a_folder_that_cannot_be_written_is_reported_once_and_tried_again(tmp_path: Path) -> None:
    reported: list[str] = []
    folder = tmp_path / "backend"
    folder.write_bytes(b"a file where the folder should be")
    files = LogFiles(folder, reported.append)
    files.retry = 0.0
    files.put(block(b"lost\n"))
    files.put(block(b"lost too\n", "stderr"))
    await until(lambda: files._taken == files._put)
    assert len(reported) == 1
    assert str(folder) in reported[0]
    folder.unlink()
    files.put(block(b"kept\n"))
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
        files.put(block(os.urandom(1000)))
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
    files.put(block(b"before\n"))
    await until(lambda: files._taken == files._put and content(folder) == b"before\n")
    if renamed:
        folder.parent.rename(tmp_path / "away")
    else:
        shutil.rmtree(folder.parent)
    for number in range(3 if busy else 0):
        files.put(block(b"%d\n" % number))
    await until(lambda: list(folder.glob("*.log")))
    assert await files.close(30)
    assert content(folder) == (b"0\n1\n2\n" if busy else b"")
    assert warnings == [f"The backend's log folder {folder} was removed or renamed; it was created again."]
    if renamed:
        assert content(tmp_path / "away" / "backend") == b"before\n"


@pytest.mark.posix(reason="Windows does not rename a file that is open")
async def test_a_file_that_was_rotated_by_another_program_is_begun_again(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    files.put(block(b"before\n"))
    await until(lambda: content(tmp_path) == b"before\n")
    (tmp_path / "backend-000001.log").rename(tmp_path / "rotated")
    files.put(block(b"after\n"))
    assert await files.close(30)
    assert content(tmp_path) == b"after\n"
    assert (tmp_path / "rotated").read_bytes() == b"before\n"


async def test_a_file_that_another_program_truncates_has_no_hole_and_a_right_index(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail)
    log = tmp_path / "backend-000001.log"
    files.put(block(b"before\n" * 1000))
    await until(lambda: files._taken == files._put and log.exists() and log.stat().st_size == 7000)
    os.truncate(log, 0)
    files.put(block(b"after\n"))
    files.put(block(b"error\n", "stderr"))
    assert await files.close(30)
    assert log.read_bytes() == b"after\nerror\n"
    places = [line.split()[:2] for line in log.with_suffix(".index").read_text().splitlines()]
    assert places == [["0", "6"], ["6", "6"]]
