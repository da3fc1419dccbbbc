from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.observe.logfiles import LogFiles
from sidecar.observe.logs import LIVE_BYTES, BackendLog
from sidecar.wire.observe import LogLine
from tests.support.processes import until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[BackendLog]:
    log = BackendLog(tmp_path, pytest.fail, clock=Clock())
    log.begin_run(1)
    yield log
    assert await log.close(30)


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def small_log(tmp_path: Path, ring: int) -> BackendLog:
    log = BackendLog(tmp_path, pytest.fail)
    log.ring_bytes = ring
    return log


async def test_the_tail_is_the_last_output_of_the_current_run_in_order_of_arrival(log: BackendLog) -> None:
    log.write("stdout", b"old run\n")
    log.begin_run(2)
    assert log.tail() == b""
    log.write("stdout", b"one ")
    log.write("stderr", b"two ")
    log.write("stdout", b"three\xff")
    assert log.tail() == b"one two three\xff"
    assert log.tail(8) == b"three\xff"
    assert log.tail(1) == b"\xff"
    assert log.tail(0) == b""


async def test_lines_come_as_they_ended_with_stream_and_time_of_their_end(log: BackendLog) -> None:
    clock = log._clock
    assert isinstance(clock, Clock)
    log.write("stdout", b"slow li")
    clock.now = 1
    log.write("stderr", b"error\r\n")
    clock.now = 2.5
    log.write("stdout", b"ne\n\x1b[31mred\x1b[0m")
    assert await log.read_lines(200, "both") == [
        LogLine("1970-01-01T00:00:01.000Z", "stderr", "error"),
        LogLine("1970-01-01T00:00:02.500Z", "stdout", "slow line"),
        LogLine("1970-01-01T00:00:02.500Z", "stdout", "red"),
    ]
    assert texts(await log.read_lines(200, "stderr")) == ["error"]
    assert texts(await log.read_lines(1, "both")) == ["red"]


async def test_asking_for_few_lines_of_one_stream_finds_them_behind_much_of_the_other(log: BackendLog) -> None:
    log.write("stderr", b"the one")
    for number in range(1000):
        log.write("stdout", b"noise %d\n" % number)
    log.write("stderr", b" error\n")
    assert texts(await log.read_lines(5, "stderr")) == ["the one error"]
    assert texts(await log.read_lines(2, "both")) == ["noise 999", "the one error"]


async def test_the_lines_of_two_runs_are_not_joined(log: BackendLog) -> None:
    log.write("stdout", b"last words")
    log.begin_run(2)
    log.write("stdout", b"first words\n")
    assert texts(await log.read_lines(200, "both")) == ["last words", "first words"]


async def test_a_flood_without_a_newline_is_shown_in_pieces(tmp_path: Path) -> None:
    log = small_log(tmp_path, 4000)
    for _number in range(100):
        log.write("stdout", b"x" * 500)
    (line,) = texts(await log.read_lines(10, "both"))
    assert len(line) > 2000
    assert set(line) == {"x"}
    await log.close(30)


async def test_memory_is_bounded_and_the_first_line_is_never_half_a_line(tmp_path: Path) -> None:
    log = small_log(tmp_path, 4000)
    for number in range(10_000):
        log.write("stdout", b"number %d, and some" % number)
        log.write("stdout", b" more\n")
    assert sum(len(chunk.data) for chunk in log._ring) <= 4000
    assert len(log._ring) <= 20
    lines = texts(await log.read_lines(1000, "both"))
    assert lines
    assert lines == [f"number {number}, and some more" for number in range(10_000 - len(lines), 10_000)]
    await log.close(30)


async def test_one_chunk_larger_than_the_memory_is_kept_whole(tmp_path: Path) -> None:
    log = small_log(tmp_path, 1000)
    log.write("stdout", b"x" * 5000)
    assert len(log.tail()) == 5000
    await log.close(30)


async def test_lines_not_requested_are_only_counted(log: BackendLog) -> None:
    skipped: list[int] = []
    log.on_skipped = skipped.append
    log.write("stdout", b"one\ntwo\nhal")
    log.write("stdout", b"f\n")
    assert sum(skipped) == 3


async def test_a_subscriber_gets_each_line_until_it_leaves(log: BackendLog) -> None:
    got: list[str] = []
    skipped: list[int] = []
    log.on_skipped = skipped.append
    log.subscribe(lambda line: got.append(f"{line.stream}: {line.text}"))
    log.write("stdout", b"one\ntw")
    assert got == ["stdout: one"]  # when it is quiet, at once
    log.write("stderr", b"oops\n")
    log.write("stdout", b"o\n")
    await until(lambda: len(got) == 3)
    assert got == ["stdout: one", "stderr: oops", "stdout: two"]
    log.subscribe(None)
    log.write("stdout", b"three\n")
    assert len(got) == 3
    assert skipped == [1]


async def test_the_unfinished_line_of_a_run_is_reported_when_the_next_begins(log: BackendLog) -> None:
    got: list[LogLine] = []
    log.subscribe(got.append)
    log.write("stdout", b"last words")
    log.begin_run(2)
    assert texts(got) == ["last words"]


async def test_a_flood_is_thinned_out_for_the_subscriber_newest_lines_kept_and_every_line_counted(
    log: BackendLog,
) -> None:
    got: list[LogLine] = []
    skipped: list[int] = []
    log.on_skipped = skipped.append
    log.subscribe(got.append)
    chunk = b"".join(b"%099d\n" % number for number in range(1000))
    total = 4 * LIVE_BYTES // len(chunk)
    for _ in range(total):
        log.write("stdout", chunk)
    log.write("stdout", b"the end\n")
    await until(lambda: bool(got) and got[-1].text == "the end")
    assert len(got) + sum(skipped) == total * 1000 + 1
    assert sum(skipped) > 0


async def test_a_subscriber_that_leaves_in_a_flood_has_every_line_counted(log: BackendLog) -> None:
    got: list[LogLine] = []
    skipped: list[int] = []
    log.on_skipped = skipped.append
    log.subscribe(got.append)
    log.write("stdout", b"one\n")
    log.write("stdout", b"two\n")
    log.subscribe(None)
    assert len(got) + sum(skipped) == 2


async def test_what_the_backend_wrote_is_on_disk_byte_for_byte(log: BackendLog, tmp_path: Path) -> None:
    log.write("stdout", b"\x1b[31mred\x1b[0m \xff\r\n")
    log.write("stderr", b"error\n")
    assert await log.close(30)
    assert (tmp_path / "backend-000001.log").read_bytes() == b"\x1b[31mred\x1b[0m \xff\r\nerror\n"


async def test_writing_never_waits_for_a_disk_that_stands_still(tmp_path: Path) -> None:
    class Standing(LogFiles):
        def _ready(self) -> bool:
            time.sleep(3600)  # the thread is a daemon and dies with the process
            return True

    log = BackendLog(tmp_path, pytest.fail)
    log._files = Standing(tmp_path, pytest.fail)
    started = time.monotonic()
    for _ in range(200):
        log.write("stdout", b"x" * 256 * 1024)
    assert time.monotonic() - started < 5
    assert not await log.close(0.1)
    assert len(log.tail()) == 65_536


async def test_a_hundred_thousand_lines_are_cut_while_the_loop_goes_on(tmp_path: Path) -> None:
    log = BackendLog(tmp_path, pytest.fail)
    try:
        for start in range(0, 100_000, 1000):
            log.write("stdout", b"".join(b"line %d\n" % number for number in range(start, start + 1000)))
        turns = 0
        reading = asyncio.ensure_future(log.read_lines(100_000, "both"))
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        lines = await reading
        assert [len(lines), lines[0].text, lines[-1].text] == [100_000, "line 0", "line 99999"]
        assert lines == await log.read_lines(100_000, "both")
        assert turns > 2  # each takes up to 5 ms: the thread has the interpreter in between
    finally:
        await log.close()


async def test_a_progress_bar_is_seen_while_it_moves_at_most_once_in_a_delivery(log: BackendLog) -> None:
    seen: list[str] = []
    log.begin_run(1)
    log.subscribe(lambda line: seen.append(line.text))
    log.write("stdout", b"\r 0%")
    assert seen == [" 0%"]
    for number in range(1, 100):
        log.write("stdout", b"\r%2d%%" % number)
    await until(lambda: "99%" in seen)
    assert seen == [" 0%", "99%"]
    log.write("stdout", b"\r100%\n")
    await until(lambda: len(seen) == 3)
    assert seen == [" 0%", "99%", "100%"]
