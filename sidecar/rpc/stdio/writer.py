"""The single writer of frames: few large writes out of many small answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .sinks import sink_for

# Frames in one write: more would leave the client idle while they are made, fewer would cost a system call each (measured).
_ANSWERS = 16
_BYTES = 64 * 1024  # what a pipe holds


class Writer:
    """Frames bodies and sends them.

    Outside of a batch what was sent leaves at the end of the loop's turn; inside one (``batching``, set by code that will call
    ``flush`` soon) every 16 frames. The ``unsent`` of ``sink`` lacks at most 64 KiB that are being collected. ``broken``: why
    the other side cannot be written to any more, or None; from then on everything is swallowed.
    """

    def __init__(self, descriptor: int, on_progress: Callable[[], None], on_broken: Callable[[OSError], None]) -> None:
        self.batching = False
        self.broken: OSError | None = None
        self._on_progress = on_progress
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self.sink = sink_for(descriptor, self._progress, self._break)
        self._pieces: list[bytes] = []
        self._size = 0
        self._scheduled = False
        self._drained = asyncio.Event()

    @property
    def unsent(self) -> int:
        """Bytes that the system has not taken."""
        return self._size + self.sink.unsent

    def send(self, body: bytes) -> None:
        """Sends one frame, some time soon."""
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
        """Hands everything to the system, or to the queue before it."""
        if self._pieces:
            pieces, size = self._pieces, self._size
            self._pieces, self._size = [], 0
            self.sink.push(pieces, size)

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109 - the caller wants no exception, only an end
        """Waits until everything is sent, but no longer than ``timeout`` seconds."""
        self.flush()
        end = self._loop.time() + timeout
        while self.unsent and self.broken is None and (left := end - self._loop.time()) > 0:
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), left)
            except TimeoutError:
                return

    def close(self) -> None:
        """Drops what is unsent."""
        self.sink.close()

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _progress(self) -> None:
        self._on_progress()
        if not self.unsent:
            self._drained.set()

    def _break(self, error: OSError) -> None:
        if self.broken is None:
            self.broken = error
            self._pieces, self._size = [], 0
            self.sink.unsent = 0
            self._drained.set()
            self._loop.call_soon(self._on_broken, error)  # not from inside a send
