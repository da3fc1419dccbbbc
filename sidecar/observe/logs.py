"""The backend's output: on disk, in memory for requests and crash reports, and live for a subscriber.

Everything here costs little per *chunk* and nothing per line until lines are requested: a backend may write a gigabyte
without slowing its supervision.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, cast

from msgspec import Struct, structs

from ..clock import iso
from ..core.terminal_text import without_half
from ..threads import in_thread
from ..wire.observe import LogLine
from .lines import LineSplitter
from .logfiles import CHUNK_COST, LogFiles

LIVE_INTERVAL = 0.05  # seconds between two deliveries to a subscriber
LIVE_BYTES = 512 * 1024  # cut into lines per delivery; older output is skipped
LIVE_LINES = 8192  # the same for empty lines: each takes the loop about 10 microseconds


class Chunk(Struct, frozen=True):
    """Output that arrived at once on one stream (``stdout``, ``stderr``)."""

    time: float  # seconds since the epoch
    stream: str
    data: bytes
    run: int


class BackendLog:
    """Takes every byte that the backend writes; ``warn`` is called once if the folder fails, perhaps from a thread."""

    ring_bytes = 8 * 1024 * 1024  # what read_lines() and tail() can return

    def __init__(
        self, folder: str | os.PathLike[str], warn: Callable[[str], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        # gets the number of lines that no subscriber received; their sequence numbers are used up
        self.on_skipped: Callable[[int], object] = int
        self._files = LogFiles(folder, warn)
        self._clock = clock
        self._ring: deque[Chunk] = deque()
        self._size = 0
        self._whole = True  # nothing has left the ring yet
        self._run = 0
        self._live: _Live | None = None

    def move_to(self, folder: str) -> None:
        """Writes there from now on; only before the first run."""
        self._files.folder = folder

    def begin_run(self, run: int) -> None:
        """Counts all output from now on as that run's; ``tail`` starts empty."""
        if self._live:
            self._live.end_run(self._clock())
        self._run = run

    def write(self, stream: str, data: bytes) -> None:
        """Takes a chunk; never waits. On the loop's thread only."""
        chunk = Chunk(self._clock(), stream, data, self._run)
        self._files.put(data)
        self._ring.append(chunk)
        self._size += len(data) + CHUNK_COST
        while self._size > self.ring_bytes and len(self._ring) > 1:
            self._size -= len(self._ring.popleft().data) + CHUNK_COST
            self._whole = False
        if self._live:
            self._live.take(chunk)
        else:
            self.on_skipped(data.count(b"\n"))

    def tail(self, limit: int = 65_536) -> bytes:
        """At most the last ``limit`` bytes of the current run, both streams in order of arrival; see without_half."""
        parts: list[bytes] = []
        missing = limit
        for chunk in reversed(self._ring):
            if chunk.run != self._run or missing <= 0:
                break
            parts.append(chunk.data[-missing:])
            missing -= len(parts[-1])
        data = b"".join(reversed(parts))
        return without_half(data) if missing <= 0 else data

    async def read_lines(self, count: int, stream: Literal["stdout", "stderr", "both"]) -> list[LogLine]:
        """The last ``count`` lines of all runs, oldest first, the unfinished one included; each has the time of its end."""
        chunks = self._last_chunks(count, stream)
        return await in_thread(lambda: list(_cut(reversed(chunks)))[-count:])

    def _last_chunks(self, count: int, stream: Literal["stdout", "stderr", "both"]) -> list[Chunk]:
        """The newest chunks that contain that many lines, newest first."""
        missing: dict[str, int] = {name: count + 1 for name in ("stdout", "stderr") if stream in {name, "both"}}
        chunks: list[Chunk] = []
        for chunk in reversed(self._ring):
            if missing.get(chunk.stream, 0) > 0:
                chunks.append(chunk)
                missing[chunk.stream] -= chunk.data.count(b"\n")
                if all(value <= 0 for value in missing.values()):
                    break
        else:
            if not self._whole:  # the ring begins in the middle of a line, which must not be shown as a whole one
                for name in missing:
                    _drop_partial(chunks, name)
        return chunks

    def subscribe(self, callback: Callable[[LogLine], None] | None) -> None:
        """Delivers every line from now on, on the loop's thread; None ends that. In a flood the oldest are left out, see ``on_skipped``."""
        if self._live:
            self._live.close()
        self._live = _Live(callback, self) if callback else None

    async def close(self, within: float = 1.0) -> bool:
        """Ends the subscription and writes what is queued for the disk; False if ``within`` seconds were not enough."""
        self.subscribe(None)
        return await self._files.close(within)


class _Live:
    """Delivers lines to a subscriber: at once when output is rare, every 50 ms in a flood."""

    def __init__(self, callback: Callable[[LogLine], None], owner: BackendLog) -> None:
        self._callback = callback
        self._owner = owner
        self._cutter = _Cutter()
        self._waiting: deque[Chunk] = deque()
        self._bytes = self._lines = 0
        self._quiet_from = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, chunk: Chunk) -> None:
        skipped = max(0, chunk.data.count(b"\n") - LIVE_LINES)
        if skipped:
            chunk = structs.replace(chunk, data=chunk.data.split(b"\n", skipped)[-1])
            self._cutter.forget(chunk.stream)
        self._waiting.append(chunk)
        self._bytes += len(chunk.data)
        self._lines += chunk.data.count(b"\n")
        while (self._bytes > LIVE_BYTES or self._lines > LIVE_LINES) and len(self._waiting) > 1:
            old = self._waiting.popleft()
            lines = old.data.count(b"\n")
            self._bytes -= len(old.data)
            self._lines -= lines
            self._cutter.forget(old.stream)
            skipped += lines
        if skipped:
            self._owner.on_skipped(skipped)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._quiet_from:
                self._deliver()
            else:
                self._timer = loop.call_at(self._quiet_from, self._deliver)

    def end_run(self, seconds: float) -> None:
        self._deliver()
        for line in self._cutter.flush(seconds):
            self._callback(line)

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        for chunk in self._waiting:
            self._owner.on_skipped(chunk.data.count(b"\n"))
        self._waiting.clear()

    def _deliver(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting, self._bytes, self._lines = self._waiting, deque(), 0, 0
        for chunk in waiting:
            for line in self._cutter.feed(chunk):
                self._callback(line)
        if waiting:
            for line in self._cutter.progress(waiting[-1].time):
                self._callback(line)
        self._quiet_from = asyncio.get_running_loop().time() + LIVE_INTERVAL


class _Cutter:
    """Cuts chunks into lines, each stream separately."""

    def __init__(self) -> None:
        self._splitters = {"stdout": LineSplitter(), "stderr": LineSplitter()}

    def feed(self, chunk: Chunk) -> Iterator[LogLine]:
        return _lines(chunk.time, chunk.stream, self._splitters[chunk.stream].feed(chunk.data))

    def progress(self, seconds: float) -> Iterator[LogLine]:
        for name, splitter in self._splitters.items():
            if (text := splitter.progress()) is not None:
                yield from _lines(seconds, name, [text])

    def flush(self, seconds: float) -> Iterator[LogLine]:
        for name, splitter in self._splitters.items():
            yield from _lines(seconds, name, splitter.flush())

    def forget(self, stream: str) -> None:
        self._splitters[stream].forget()


def _lines(seconds: float, stream: str, texts: list[str]) -> Iterator[LogLine]:
    when = iso(seconds)
    for text in texts:
        yield LogLine(when, cast("Literal['stdout', 'stderr']", stream), text)


def _cut(chunks: Iterator[Chunk]) -> Iterator[LogLine]:
    cutter = _Cutter()
    last: Chunk | None = None
    for chunk in chunks:
        if last and chunk.run != last.run:
            yield from cutter.flush(last.time)
        last = chunk
        yield from cutter.feed(chunk)
    if last:
        yield from cutter.flush(last.time)


def _drop_partial(chunks: list[Chunk], stream: str) -> None:
    """Removes the partial line at the start of ``stream`` from ``chunks`` (newest first), unless there is no other line."""
    if not any(b"\n" in chunk.data for chunk in chunks if chunk.stream == stream):
        return
    for position in range(len(chunks) - 1, -1, -1):
        chunk = chunks[position]
        if chunk.stream == stream:
            _, newline, rest = chunk.data.partition(b"\n")
            chunks[position] = structs.replace(chunk, data=rest)
            if newline:
                return
