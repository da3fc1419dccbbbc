"""The only writer of frames: combines many small answers into few large writes."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from ...process.platform.descriptors import POLLED_KINDS, kind_of, set_blocking, write_all, write_pieces
from ...threads import post, start_thread

_JOINED = 256 * 1024  # bytes up to which joining the pieces is cheaper than passing the system a list of them
_PIECES = 64  # in a list for the system, which takes 1024 (IOV_MAX); more than a full pipe takes gain nothing


class _Sink:
    """Where frames go; create it on the running loop. ``unsent``: bytes that were pushed and that the system has not taken yet."""

    def __init__(self, descriptor: int, on_progress: Callable[[], None], on_broken: Callable[[OSError], None]) -> None:
        self.unsent = 0
        self._descriptor = descriptor
        self._on_progress = on_progress
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()


class _PollSink(_Sink):
    """A pipe or socket on POSIX: written at once while it accepts data, else when it is ready again."""

    def __init__(self, descriptor: int, on_progress: Callable[[], None], on_broken: Callable[[OSError], None]) -> None:
        super().__init__(descriptor, on_progress, on_broken)
        self._backlog: deque[bytes | memoryview] = deque()
        self._was_blocking = set_blocking(descriptor, blocking=False)

    def push(self, pieces: list[bytes], size: int) -> None:
        """Takes over ``pieces``, ``size`` bytes together."""
        blocked = bool(self._backlog)
        if size <= _JOINED:
            data = b"".join(pieces)
            if not blocked:
                try:
                    sent = os.write(self._descriptor, data)
                except OSError:  # full or broken: _write finds out which
                    sent = 0
                if sent == size:  # nearly always
                    return
                data, size = data[sent:], size - sent
            pieces = [data]
        self.unsent += size
        self._backlog.extend(pieces)
        if not blocked:
            self._write()
            if self._backlog:
                self._loop.add_writer(self._descriptor, self._writable)

    def close(self) -> None:
        """Drops what is unsent and leaves the descriptor as it was found."""
        self._backlog.clear()
        self._loop.remove_writer(self._descriptor)
        set_blocking(self._descriptor, blocking=self._was_blocking)

    def _writable(self) -> None:
        self._write()
        if not self._backlog:
            self._loop.remove_writer(self._descriptor)
        self._on_progress()

    def _write(self) -> None:
        backlog = self._backlog
        while backlog:
            try:
                count = write_pieces(self._descriptor, list(islice(backlog, _PIECES)))
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                backlog.clear()
                self._on_broken(error)
                return
            self.unsent -= count
            while count:
                size = len(backlog[0])
                if count < size:
                    backlog[0] = memoryview(backlog[0])[count:]
                    break
                count -= size
                backlog.popleft()


class _ThreadSink(_Sink):
    """Anything on Windows; on POSIX a regular file, a terminal or the null device: no readiness, so a daemon thread makes blocking writes."""

    def __init__(self, descriptor: int, on_progress: Callable[[], None], on_broken: Callable[[OSError], None]) -> None:
        from queue import SimpleQueue

        super().__init__(descriptor, on_progress, on_broken)
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        start_thread(self._run)

    def push(self, pieces: list[bytes], size: int) -> None:
        self.unsent += size
        self._queue.put(b"".join(pieces))

    def close(self) -> None:
        """Lets the thread finish what it has and end; a blocked one ends with the process."""
        self._queue.put(None)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                write_all(self._descriptor, data)
            except OSError as error:  # ENOSPC; on Windows a broken pipe is errno 22
                post(self._loop, self._on_broken, error)
                return
            post(self._loop, self._written, len(data))

    def _written(self, count: int) -> None:
        self.unsent -= count
        self._on_progress()


# Frames per write: more would leave the client idle while they are encoded, fewer would take more system calls (measured).
_ANSWERS = 16
_BYTES = 64 * 1024  # what a pipe holds


class Writer:
    """Frames bodies and sends them.

    Outside a batch, frames are written at the end of the loop's turn; inside one (``batching``, set by code that will call
    ``flush`` soon), after every 16 frames. The ``unsent`` of ``sink`` omits up to 64 KiB that are being collected.
    ``broken``: why the other side can no longer be written to, or None; from then on everything is dropped.
    """

    def __init__(self, descriptor: int, on_progress: Callable[[], None], on_broken: Callable[[OSError], None]) -> None:
        self.batching = False
        self.broken: OSError | None = None
        self._on_progress = on_progress
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        kind = _PollSink if kind_of(descriptor) in POLLED_KINDS else _ThreadSink
        self.sink = kind(descriptor, self._progress, self._break)
        self._pieces: list[bytes] = []
        self._size = 0
        self._scheduled = False
        self._progressed = asyncio.Event()

    @property
    def unsent(self) -> int:
        return self._size + self.sink.unsent

    def send(self, body: bytes) -> None:
        if self.broken is not None:
            return
        length = len(body)
        pieces = self._pieces
        pieces.append(length.to_bytes(4, "big"))
        pieces.append(body)
        self._size += length + 4
        if len(pieces) >= 2 * _ANSWERS or self._size >= _BYTES:
            self.flush()
        elif not self.batching and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush_scheduled)

    def flush(self) -> None:
        if self._pieces:
            pieces, size = self._pieces, self._size
            self._pieces, self._size = [], 0
            self.sink.push(pieces, size)

    async def drained(self, timeout: float | None = None, *, to: int = 0) -> None:  # noqa: ASYNC109 - the caller wants no exception
        """Waits until at most ``to`` bytes are unsent, but no longer than ``timeout`` seconds."""
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.unsent > to:
                    self._progressed.clear()
                    await self._progressed.wait()
                    self.flush()  # what was queued meanwhile: a write that completes at once reports no progress

    def close(self) -> None:
        """Drops what is unsent."""
        self.sink.close()

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _progress(self) -> None:
        self._on_progress()
        self._progressed.set()

    def _break(self, error: OSError) -> None:
        if self.broken is None:
            self.broken = error
            self._pieces, self._size = [], 0
            self.sink.unsent = 0
            self._progressed.set()
            self._loop.call_soon(self._on_broken, error)  # not from inside a send
