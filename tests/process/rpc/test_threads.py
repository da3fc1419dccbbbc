"""The reading and writing threads, which Windows always needs, tested on any system: they use plain os.read and os.write."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator

import pytest

from sidecar.rpc.stdio.reader import Reader
from sidecar.rpc.stdio.writer import Writer, _ThreadSink
from sidecar.wire.framing import FrameBuffer, framed
from tests.support.processes import until

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for descriptor in reversed(ends):  # Windows lets no one close an end on which a thread waits
        try:
            os.close(descriptor)
        except OSError:
            pass


class Reading:
    """A reader that is forced to use its thread, and what it received."""

    def __init__(self, descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames = FrameBuffer()
        self.bodies: list[bytes] = []
        self.ends = 0
        with monkeypatch.context() as patched:
            if sys.platform != "win32":
                patched.setattr("sidecar.rpc.stdio.reader.POLLED_KINDS", frozenset())
            self.reader = Reader(descriptor, self.frames, self.take, self.end)

    def take(self) -> None:
        self.bodies += [bytes(body) for body in self.frames]

    def end(self) -> None:
        self.ends += 1


async def test_a_thread_reads_to_the_end(pipe: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(pipe[0], monkeypatch)
    reading.reader.resume()
    os.write(pipe[1], framed(b"one"))
    await until(lambda: reading.bodies == [b"one"])
    os.write(pipe[1], framed(b"two"))
    os.close(pipe[1])
    await until(lambda: reading.ends == 1)
    assert reading.bodies == [b"one", b"two"]


async def test_a_paused_thread_reads_little_ahead_and_loses_nothing(
    pipe: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(pipe[0], monkeypatch)
    reading.reader.resume()
    os.write(pipe[1], framed(b"first"))
    await until(lambda: reading.bodies == [b"first"])
    reading.reader.pause()
    frames = [framed(b"%d" % number * 5000) for number in range(1000, 1200)]
    writing = asyncio.create_task(asyncio.to_thread(lambda: [os.write(pipe[1], data) for data in frames]))
    await asyncio.sleep(0.2)  # time in which an unpaused reader takes everything
    assert not writing.done()
    assert reading.bodies == [b"first"]
    reading.reader.resume()
    await until(lambda: len(reading.bodies) == 201)
    await writing
    assert reading.bodies[1:] == [data[4:] for data in frames]


async def test_the_end_is_noticed_while_the_thread_is_paused(pipe: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(pipe[0], monkeypatch)
    reading.reader.resume()
    os.write(pipe[1], framed(b"first"))
    await until(lambda: reading.bodies == [b"first"])
    reading.reader.pause()
    os.write(pipe[1], framed(b"never read"))
    os.close(pipe[1])
    await until(lambda: reading.ends == 1)
    assert reading.bodies == [b"first"]


class Writing:
    """A thread sink, and what it reported."""

    def __init__(self, descriptor: int) -> None:
        self.progress = 0
        self.errors: list[OSError] = []
        self.sink = _ThreadSink(descriptor, self.count, self.errors.append)

    def count(self) -> None:
        self.progress += 1


async def test_a_blocked_stdout_never_blocks_the_loop(pipe: list[int]) -> None:
    writing = Writing(pipe[1])
    data = os.urandom(3_000_000)
    started = time.monotonic()
    writing.sink.push([data[:10], data[10:]], len(data))
    assert time.monotonic() - started < 5
    assert writing.sink.unsent == len(data)
    got = bytearray()
    while len(got) < len(data):
        got += await asyncio.to_thread(os.read, pipe[0], 1 << 20)
    assert got == data
    await until(lambda: writing.sink.unsent == 0)
    assert writing.progress == 1
    writing.sink.close()


async def test_a_stdout_whose_reader_is_gone_is_reported_as_broken(pipe: list[int]) -> None:
    writing = Writing(pipe[1])
    os.close(pipe[0])
    writing.sink.push([b"x"], 1)
    await until(lambda: len(writing.errors) == 1)
    writing.sink.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudoterminal")
async def test_a_terminal_that_nobody_reads_does_not_block_the_loop() -> None:
    terminal, ours = os.openpty()
    writer = Writer(ours, lambda: None, lambda _error: None)
    data = bytes(1_000_000)
    writer.send(data)
    writer.flush()
    assert writer.unsent == len(data) + 4
    got = 0
    while got < len(data) + 4:
        got += len(await asyncio.to_thread(os.read, terminal, 1 << 16))
    await until(lambda: writer.unsent == 0)
    writer.close()
    for descriptor in (terminal, ours):
        os.close(descriptor)
