"""Byte stream to frames, sans-IO. Bodies are not copied, and one buffer is reused: new memory costs page faults on every read."""

from collections.abc import Iterator
from struct import Struct

from ..errors import FrameError
from .hello import DEFAULT_MAX_FRAME

KEPT = 256 * 1024  # bytes of the reused buffer: one read takes a full Linux socket buffer (wmem_default is 208 KiB)
_KEPT_AT_MOST = 8 * KEPT  # a client that sends megabytes will send more; a larger buffer goes back to the system
_MIN_ROOM = 64 * 1024
_HEADER = 4
_length_at = Struct(">I").unpack_from
_SHOWN = 32


class FrameBuffer:
    """Takes bytes as they arrive and yields complete bodies.

    Either ``feed`` it, or let a read fill ``room()`` and pass the count to ``filled``. Each body is a view into the
    buffer, valid until the next call of ``room`` or ``feed``.
    """

    def __init__(self, max_frame: int = DEFAULT_MAX_FRAME) -> None:
        self.max_frame = max_frame  # the largest accepted body, in bytes
        self._view = memoryview(bytearray(KEPT))
        self._start = 0  # first byte that was not yielded yet
        self._end = 0  # one past the last byte that arrived
        self._need = _HEADER  # bytes from _start that the next frame takes, as far as is known

    @property
    def pending(self) -> int:
        """The number of bytes that arrived and were not yielded yet."""
        return self._end - self._start

    def room(self) -> memoryview:
        """Returns writable memory for the next read, never empty."""
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
        """Counts the first ``count`` bytes of ``room()`` as written."""
        self._end += count

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            room = self.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            self.filled(count)
            rest = rest[count:]

    def __iter__(self) -> Iterator[memoryview]:
        """Yields the complete bodies. FrameError: the next length is 0 or above max_frame; nothing can follow."""
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
        """Moves what is pending to the front, of a larger buffer if needed. Size doubles, because a false length must not cost 16 MiB."""
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
        text = as_ascii(bytes(self._view[self._start : min(self._start + _SHOWN, self._end)]))
        limit = f"above the limit of {self.max_frame}" if length else "not allowed"
        return FrameError(
            f'The input is not a sequence of frames: a length of {length} bytes is {limit}. It begins with "{text}"',
            hint="This is almost always a stray log line: write only frames to the pipe, "
            "each a 4-byte big-endian length and one MessagePack map.",
        )


def framed(body: bytes) -> bytes:
    """Returns the frame of a body in one piece; the server's writer, which sends many at once, does not use it."""
    return len(body).to_bytes(_HEADER, "big") + body


def as_ascii(data: bytes) -> str:
    """Returns ASCII unchanged and other bytes in hexadecimal: a log line stays recognisable, and no terminal is affected."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in data)
