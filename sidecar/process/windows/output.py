"""What the backend writes. A thread reads each pipe, because Windows cannot wait for an anonymous pipe in an event loop.

It always reads, so the backend never waits for a busy sidecar; beyond a bound the oldest bytes are dropped and the loss is
reported. A deque's ends are safe from two threads, so there is no lock.
"""

from __future__ import annotations

import _thread
import _winapi
import asyncio
import sys
from collections import deque
from collections.abc import Callable

from ...threads import start_thread
from . import win32

assert sys.platform == "win32"

_READ_SIZE = 65536
_MAX_PENDING = 8 * 1024 * 1024
_MAX_IN_A_TURN = 1024 * 1024  # per turn; more would block the loop


class OutputPipe:
    """The read end of stdout or stderr, until its end or until it is closed. ``deliver`` gets the bytes, ``report`` losses."""

    def __init__(
        self,
        handle: int,
        stream: str,
        *,
        deliver: Callable[[str, bytes], None],
        ended: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        """Begins to read. The handle is this object's from now on."""
        self._handle = handle
        self._stream = stream
        self._emit = deliver
        self._ended = ended
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[tuple[int, bytes]] = deque()  # where each begins in the stream; an empty one is the end
        self._read = 0  # bytes, by the thread
        self._taken = 0  # bytes, by the loop; dropped ones too
        self._awake = False
        self.closed = False
        self._thread = 0  # that reads: its id, while it does
        start_thread(self._pump)

    def _pump(self) -> None:
        self._thread = _thread.get_native_id()
        ended = False
        while not ended:
            try:
                data = _winapi.ReadFile(self._handle, _READ_SIZE)[0]
                if not data:
                    continue  # a write of no bytes, as .NET and Node make, ends a read; it is not the end (ReadFile)
            except OSError:  # cancelled, or ERROR_BROKEN_PIPE: no process holds the other end
                data, ended = b"", True
            self._chunks.append((self._read, data))
            self._read += len(data)
            try:
                while self._read - self._chunks[0][0] > _MAX_PENDING:
                    self._chunks.popleft()
            except IndexError:  # the loop took them in the meantime
                pass
            self._wake()
        self._thread = 0
        _winapi.CloseHandle(self._handle)

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nothing listens any more
                pass

    def _deliver(self) -> None:
        """In the loop: delivers what has arrived."""
        self._awake = False  # before the chunks are looked at: what comes later wakes us again
        limit = self._taken + _MAX_IN_A_TURN
        while self._chunks and not self.closed:
            if self._taken >= limit:
                self._wake()
                return
            self._hand_on_next()

    def _hand_on_next(self) -> None:
        try:
            position, data = self._chunks.popleft()
        except IndexError:  # the thread dropped it in the meantime
            return
        lost = position - self._taken
        if lost:
            self._report(
                f"{lost} bytes of the backend's {self._stream} were dropped: they arrived faster than they could be handled"
            )
        self._taken = position + len(data)
        if data:
            self._emit(self._stream, data)
        else:
            self.closed = True
            self._ended()

    def close(self) -> None:
        """Reports what was read, and ends the thread, even if a process holds the other end. ``ended`` is not called."""
        self._ended = lambda: None
        while self._chunks and not self.closed:
            self._hand_on_next()
        self.closed = True
        if self._thread:
            handle = win32.OpenThread(win32.THREAD_TERMINATE, 0, self._thread)
            if handle:
                win32.CancelSynchronousIo(handle)
                _winapi.CloseHandle(handle)
