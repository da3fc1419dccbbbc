"""Reads the backend's output. Each pipe has a thread, because an event loop on Windows cannot wait for an anonymous pipe.

The thread always reads, so the backend never waits for a busy sidecar; above a limit the oldest bytes are dropped and the loss
is reported. A deque's ends are thread-safe, so there is no lock.
"""

import _thread
import _winapi
import asyncio
import sys
from collections import deque
from collections.abc import Callable

from ...threads import post, start_thread
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
        """Begins to read. Takes over the handle."""
        self._handle = handle
        self._stream = stream
        self._emit = deliver
        self._ended = ended
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[tuple[int, bytes]] = deque()  # offset in the stream, bytes; empty bytes: the end
        self._read = 0  # bytes that the thread has read
        self._taken = 0  # bytes that the loop has taken, including dropped ones
        self._awake = False
        self.closed = False
        self._thread = 0  # id of the reading thread, while it runs
        start_thread(self._read_pipe)

    def _read_pipe(self) -> None:
        self._thread = _thread.get_native_id()
        ended = False
        while not ended:
            try:
                data = _winapi.ReadFile(self._handle, _READ_SIZE)[0]
                if not data:
                    continue  # a write of no bytes, as by .NET and Node, ends a read (ReadFile), not the stream
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
            post(self._loop, self._deliver)

    def _deliver(self) -> None:
        """Delivers what has arrived; runs in the loop."""
        self._awake = False  # before reading the chunks: later ones wake us again
        limit = self._taken + _MAX_IN_A_TURN
        while self._chunks and not self.closed:
            if self._taken >= limit:
                self._wake()
                return
            self._deliver_next()

    def _deliver_next(self) -> None:
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
        """Delivers what was read, and ends the thread, even if a process holds the other end. Does not call ``ended``."""
        self._ended = lambda: None
        while self._chunks and not self.closed:
            self._deliver_next()
        self.closed = True
        if self._thread:
            handle = win32.OpenThread(win32.THREAD_TERMINATE, 0, self._thread)
            if handle:
                win32.CancelSynchronousIo(handle)
                _winapi.CloseHandle(handle)
