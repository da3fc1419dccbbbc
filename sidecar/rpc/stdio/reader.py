"""Reads stdin into the frame buffer: on readiness if the system reports it, else in a thread."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from ...process.platform.descriptors import (
    FILE,
    PIPE,
    POLLED_KINDS,
    has_ended,
    kind_of,
    read_blocking,
    read_into,
    set_blocking,
)
from ...threads import post, start_thread
from ...wire.framing import FrameBuffer

_POLL_INTERVAL = 0.1  # seconds between checks for the end of a paused stdin; well within timeouts.owner_lost
_CHUNK = 64 * 1024
_CHUNKS_AHEAD = 4  # chunks that the thread reads ahead of the loop


class Reader:
    """Fills ``frames``, calls ``on_data`` after each read and ``on_end`` once, at the end or at a failure of stdin.

    It starts paused, and what arrives before the first ``resume`` waits in the pipe. Paused later, it reads nothing, but
    still notices the end of a pipe or socket: what is unread then is lost with its owner.
    ``kind``: the descriptor's, as descriptors.py names it; ``ended``: whether it will never read again.
    """

    def __init__(
        self, descriptor: int, frames: FrameBuffer, on_data: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        self._descriptor = descriptor
        self._frames = frames
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.kind = kind_of(descriptor)
        self._polled = self.kind in POLLED_KINDS
        self._thread: _ReaderThread | None = None
        self._was_blocking = set_blocking(descriptor, blocking=False) if self._polled else True
        self.paused = True
        self.ended = False
        self._watch: asyncio.TimerHandle | None = None

    @property
    def other_side_gone(self) -> bool:
        """Whether the owner has closed its side of a pipe or socket, even if it is no longer read."""
        if self.kind == FILE:
            return False
        return self._thread.ended if self._thread is not None else self.kind == PIPE and has_ended(self._descriptor)

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            if self._polled:
                self._loop.remove_reader(self._descriptor)
            self._poll_for_end()

    def resume(self) -> None:
        if not self.paused or self.ended:
            return
        self.paused = False
        if self._watch is not None:
            self._watch.cancel()
        if self._polled:
            self._loop.add_reader(self._descriptor, self._readable)
        elif self._thread is None:
            self._thread = _ReaderThread(self._descriptor, self._loop, self._arrived)
        else:
            self._take()

    def stop(self) -> None:
        """Ends the reading and leaves the descriptor as it was found."""
        self.ended = True
        if self._watch is not None:
            self._watch.cancel()
        if self._polled:
            self._loop.remove_reader(self._descriptor)
            set_blocking(self._descriptor, blocking=self._was_blocking)
        if self._thread is not None:
            self._thread.discard()

    def _readable(self) -> None:
        try:
            count = read_into(self._descriptor, self._frames.room())
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # ECONNRESET: a socket's other side is gone
            count = 0
        if count:
            self._frames.filled(count)
            self._on_data()
        else:
            self._end()

    def _arrived(self) -> None:
        if not self.paused:
            self._take()
        elif self.kind != FILE and self._thread is not None:
            chunks = self._thread.chunks  # empty if an earlier call took this chunk too, and was paused by it
            if chunks and not chunks[-1]:
                self._end()

    def _take(self) -> None:
        thread = self._thread
        while thread is not None and thread.chunks and not self.paused and not self.ended:
            chunk = thread.chunks.popleft()
            thread.ahead.release()
            if chunk:
                self._frames.feed(chunk)
                self._on_data()
            else:
                self._end()

    def _poll_for_end(self) -> None:
        if self.ended or not self.paused or self.kind != PIPE:
            return
        # A thread that is inside its read notices the end itself, and PeekNamedPipe would wait for that read:
        # the system serialises calls on a synchronous handle.
        if (self._thread is None or len(self._thread.chunks) >= _CHUNKS_AHEAD) and has_ended(self._descriptor):
            self._end()
        else:
            self._watch = self._loop.call_later(_POLL_INTERVAL, self._poll_for_end)

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            if self._polled:
                self._loop.remove_reader(self._descriptor)
            self._on_end()


class _ReaderThread:
    """Makes blocking reads in a daemon thread, because nothing can interrupt them. An empty chunk is the end."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, arrived: Callable[[], None]) -> None:
        self.chunks: deque[bytes] = deque()
        self.ahead = threading.Semaphore(_CHUNKS_AHEAD)
        self._descriptor = descriptor
        self._loop = loop
        self._arrived = arrived
        self._discards = False
        self.ended = False
        start_thread(self._run)

    def discard(self) -> None:
        """Drops further input, but keeps reading to see the end, which unread data would hide."""
        self._discards = True
        self.ahead.release()

    def _run(self) -> None:
        chunk = b"-"
        while chunk:
            if not self._discards:
                self.ahead.acquire()
            try:
                chunk = read_blocking(self._descriptor, _CHUNK)
            except OSError:  # on Windows a broken pipe
                chunk = b""
            self.ended = not chunk
            if self._discards:
                continue
            self.chunks.append(chunk)
            post(self._loop, self._arrived)
