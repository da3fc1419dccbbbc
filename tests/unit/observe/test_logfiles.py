from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sidecar.observe import logfiles
from sidecar.observe.logfiles import Block, LogFiles, join_blocks


def block(data: bytes, stream: str = "stdout") -> Block:
    return Block(0.0, stream, data)


async def written(files: LogFiles, condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("backend-*.log")))


def test_neighbours_of_one_stream_become_one_block() -> None:
    blocks = [block(b"a"), block(b"b"), block(b"c", "stderr"), block(b"d")]
    assert list(join_blocks(blocks)) == [block(b"ab"), block(b"c", "stderr"), block(b"d")]
    assert list(join_blocks([])) == []


async def test_a_full_file_is_followed_by_the_next_and_the_newest_ten_are_kept(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail, max_bytes=100)
    for number in range(30):
        files.put(block(b"%099d\n" % number, "stdout" if number % 2 else "stderr"))
    assert await files.close(30)
    assert content(tmp_path) == b"".join(b"%099d\n" % number for number in range(20, 30))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"backend-{number:06}.{kind}" for number in range(21, 31) for kind in ("log", "index")
    )


async def test_the_next_start_goes_on_in_the_newest_file_until_it_is_full(tmp_path: Path) -> None:
    for word in (b"first start\n", b"second start\n", b"third start\n"):
        files = LogFiles(tmp_path, pytest.fail, max_bytes=20)
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
        await written(one, lambda data=data: data in content(tmp_path))
        two.put(block(b"%d from two\n" % number, "stderr"))
        await written(two, lambda number=number: content(tmp_path).endswith(b"%d from two\n" % number))
    assert await one.close(30)
    assert await two.close(30)
    raw = log.read_bytes()
    for line in log.with_suffix(".index").read_text().splitlines():
        offset, length, _, stream = line.split()
        part = raw[int(offset) : int(offset) + int(length)]
        assert part.endswith(b"from one\n" if stream == "stdout" else b"from two\n")


async def test_output_beyond_the_queue_is_dropped_and_the_file_says_how_much(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, pytest.fail, queue_bytes=100)
    files.put(block(b"a" * 200))
    assert files._thread is None  # larger than the whole queue
    files.put(block(b"small\n"))
    assert await files.close(30)
    assert content(tmp_path) == b"\n[sidecar] 200 bytes of output were not written here\nsmall\n"


async def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "backend"
    folder.write_bytes(b"a file where the folder should be")
    files = LogFiles(folder, told.append, retry=0.0)
    files.put(block(b"lost\n"))
    files.put(block(b"lost too\n", "stderr"))
    await written(files, lambda: files._taken == files._put)
    assert len(told) == 1
    assert str(folder) in told[0]
    folder.unlink()
    files.put(block(b"kept\n"))
    assert await files.close(30)
    assert content(folder) == b"\n[sidecar] 14 bytes of output were not written here\nkept\n"


@pytest.mark.posix(reason="/dev/full is Linux's own full disk")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_is_told_once_and_supervision_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(logfiles, "open_append", lambda _: os.open("/dev/full", os.O_WRONLY))
    files = LogFiles(tmp_path, told.append, retry=0.0)
    for _ in range(5):
        files.put(block(os.urandom(1000)))
        await written(files, lambda: files._taken == files._put)
    assert await files.close(30)
    assert len(told) == 1
    assert "No space left on device" in told[0]


async def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "backend", pytest.fail)
    assert await files.close(1)
    assert not (tmp_path / "backend").exists()
