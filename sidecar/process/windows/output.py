"""What the backend writes. A thread reads each pipe, because Windows cannot wait for an anonymous pipe in an event loop.

It always reads, so the backend never waits for a busy sidecar; beyond a bound the oldest bytes are dropped and the loss is
reported. Each counter has one writer, and a deque's ends are safe from two threads, so there is no lock.
"""

from __future__ import annotations

import _winapi
import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable

from . import win32

assert sys.platform == "win32"

_READ_SIZE = 65536
_MAX_PENDING = 8 * 1024 * 1024
_MAX_IN_A_TURN = 1024 * 1024  # per turn; more would block the loop


class OutputPipe:
    """The read end of stdout or stderr, until its end or until it is closed. ``deliver`` gets the bytes, ``report`` losses."""

    def __init__(
        self,
        descriptor: int,
        stream: str,
        *,
        deliver: Callable[[str, bytes], None],
        ended: Callable[[], None],
        report: Callable[[str], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Begins to read. The descriptor is this object's from now on."""
        self._descriptor = descriptor
        self._stream = stream
        self._emit = deliver
        self._ended = ended
        self._report = report
        self._loop = loop
        self._chunks: deque[bytes] = deque()
        self._read_bytes = 0  # written by the thread
        self._dropped_bytes = 0  # written by the thread
        self._taken_bytes = 0  # written by the loop
        self._reported_dropped = 0  # written by the loop
        self._awake = False
        self._finished = False
        self.closed = False
        self._thread = threading.Thread(target=self._pump, name=f"backend {stream}", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, _READ_SIZE)
            except OSError:  # cancelled, or EPIPE in disguise: no process holds the other end
                data = b""
            if not data:
                break
            self._read_bytes += len(data)
            self._chunks.append(data)
            self._make_room()
            self._wake()
        os.close(self._descriptor)
        self._finished = True
        self._awake = False
        self._wake()

    def _make_room(self) -> None:
        while self._read_bytes - self._dropped_bytes - self._taken_bytes > _MAX_PENDING:
            try:
                self._dropped_bytes += len(self._chunks.popleft())
            except IndexError:  # the loop took them in the meantime
                return

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nothing listens any more
                pass

    def _deliver(self) -> None:
        """In the loop: delivers what has arrived."""
        if self.closed:
            return
        self._awake = False
        finished = self._finished  # read before the chunks: what comes later wakes us again
        delivered = 0
        while self._chunks and delivered < _MAX_IN_A_TURN:
            delivered += self._hand_on_next()
        if self._chunks:
            self._awake = True
            self._loop.call_soon(self._deliver)
        elif finished:
            self.closed = True
            self._report_losses()
            self._ended()

    def _hand_on_next(self) -> int:
        try:
            data = self._chunks.popleft()
        except IndexError:  # the thread dropped it in the meantime
            return 0
        self._taken_bytes += len(data)
        self._report_losses()
        self._emit(self._stream, data)
        return len(data)

    def _report_losses(self) -> None:
        lost = self._dropped_bytes - self._reported_dropped
        if lost:
            self._reported_dropped += lost
            self._report(
                f"{lost} bytes of the backend's {self._stream} were dropped: they arrived faster than they could be handled"
            )

    def close(self) -> None:
        """Reports what was read, and ends the thread, even if a process holds the other end. ``ended`` is not called."""
        if self.closed:
            return
        while self._chunks:
            self._hand_on_next()
        self.closed = True
        if self._thread.native_id is not None and not self._finished:
            handle = win32.OpenThread(win32.THREAD_TERMINATE, 0, self._thread.native_id)
            if handle:
                win32.CancelSynchronousIo(handle)
                _winapi.CloseHandle(handle)
