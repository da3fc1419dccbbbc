"""Byte stream to frames, sans-IO: no copy of a body, and one kept buffer, as fresh memory costs page faults on every read."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from ..errors import FrameError
from .hello import DEFAULT_MAX_FRAME

KEPT = 256 * 1024  # bytes of the buffer that is kept: a full Linux socket buffer (wmem_default is 208 KiB) in one read
_KEPT_AT_MOST = 8 * KEPT  # a client that sends megabytes sends more of them; what is larger goes back to the system
_MIN_ROOM = 64 * 1024
_HEADER = 4
_length_at = Struct(">I").unpack_from
_SHOWN = 32


class FrameBuffer:
    """Takes bytes as they come and gives complete bodies.

    Either ``feed`` it, or let a read fill ``room()`` and pass the count to ``filled``. A body that iteration gives is a
    view into the buffer: it is valid until the next call of ``room`` or ``feed``.
    """

    def __init__(self, max_frame: int = DEFAULT_MAX_FRAME) -> None:
        self.max_frame = max_frame  # the largest body in bytes that is accepted
        self._view = memoryview(bytearray(KEPT))
        self._start = 0  # first byte that was not given yet
        self._end = 0  # one past the last byte that came
        self._need = _HEADER  # bytes from _start that the next frame takes, as far as known

    @property
    def pending(self) -> int:
        """Bytes that came and were not given yet."""
        return self._end - self._start

    def room(self) -> memoryview:
        """Writable memory for the next read, never empty."""
        view, start, end = self._view, self._start, self._end
        if start == end:
            self._start = self._end = 0
            if len(view) > _KEPT_AT_MOST:
                self._view = view = memoryview(bytearray(KEPT))
            return view
        if start + self._need > len(view) or len(view) - end < _MIN_ROOM:
            view, end = self._rearrange()
        return view[end:]

    def filled(self, count: int) -> None:
        """The first ``count`` bytes of what ``room`` gave were written."""
        self._end += count

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Appends bytes that are somewhere else already."""
        rest = memoryview(data)
        while rest:
            room = self.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.filled(count)
            rest = rest[count:]

    def __iter__(self) -> Iterator[memoryview]:
        """The bodies that are complete. FrameError: the next length is 0 or above max_frame; nothing can follow."""
        view, start, end = self._view, self._start, self._end
        while end - start >= _HEADER:
            body = start + _HEADER
            (length,) = _length_at(view, start)
            if not 0 < length <= self.max_frame:
                raise self._error(length)
            after = body + length
            if after > end:
                self._need = after - start
                return
            self._start, self._need = after, _HEADER
            yield view[body:after]
            start = after

    def _rearrange(self) -> tuple[memoryview, int]:
        """Moves what is pending to the front, of a larger buffer if needed; doubled, as four bytes of a liar must not cost 16 MiB."""
        pending = self.pending
        old, size = self._view, len(self._view)
        if self._need > size or pending + _MIN_ROOM > size:
            size = min(max(2 * size, pending + _MIN_ROOM), max(self.max_frame + _HEADER, pending) + _MIN_ROOM)
            view = memoryview(bytearray(size))
        elif size > _KEPT_AT_MOST and max(self._need, pending + _MIN_ROOM) <= KEPT:
            view = memoryview(bytearray(KEPT))
        else:
            view = old
        view[:pending] = old[self._start : self._end]
        self._view, self._start, self._end = view, 0, pending
        return view, pending

    def _error(self, length: int) -> FrameError:
        text = printable(bytes(self._view[self._start : min(self._start + _SHOWN, self._end)]))
        limit = f"above the limit of {self.max_frame}" if length else "not allowed"
        return FrameError(
            f'The input is not a sequence of frames: a length of {length} bytes is {limit}. It begins with "{text}"',
            hint="This is almost always a stray log line: write only frames to the pipe, "
            "each a 4-byte big-endian length and one MessagePack map.",
        )


def framed(body: bytes) -> bytes:
    """The frame of a body, in one piece; the server's writer, which sends many at once, makes none."""
    return len(body).to_bytes(_HEADER, "big") + body


def printable(data: bytes) -> str:
    """ASCII as it is, everything else as two hexadecimal digits, so that a log line can be recognised and no terminal is harmed."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in data)
