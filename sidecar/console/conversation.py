"""From recorded chunks to messages; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import MsgspecError, msgpack

from ..argv import MAX_FRAME_RANGE
from ..errors import FrameError
from ..wire.framing import FrameBuffer
from .recording import Record

_MALFORMED = (MsgspecError, ValueError, RecursionError, OverflowError, TypeError)


class Passed(NamedTuple):
    """One frame, chunk or end that went by, ``at`` seconds after the start.

    ``sender`` is ``client`` or ``sidecar``. ``body``: the frame, or all of a chunk that is not one. ``message`` is None where
    the body cannot be decoded; then ``trouble`` says why, or how the sender ended.
    """

    at: float
    sender: str
    body: bytes
    message: Any
    trouble: str = ""

    def field(self, name: str) -> Any:
        """A value of the message; None where there is none, for anything may have been sent."""
        return self.message.get(name) if isinstance(self.message, dict) else None


class Conversation:
    """Cuts both directions into frames."""

    def __init__(self) -> None:
        largest = MAX_FRAME_RANGE[1]
        self._frames = {"client": FrameBuffer(largest), "sidecar": FrameBuffer(largest)}
        self._broken: set[str] = set()

    def take(self, record: Record) -> Iterator[Passed]:
        """What one record completes."""
        if record.kind == "exit":
            yield from self._rest(record, "sidecar")
            yield Passed(record.seconds, "sidecar", b"", None, f"exit status {record.data.decode('ascii', 'replace')}")
        elif record.kind == "client end":
            yield from self._rest(record, "client")
            yield Passed(record.seconds, "client", b"", None, "end of input")
        elif record.kind in self._broken:
            yield Passed(record.seconds, record.kind, record.data, None, "not a frame")
        else:
            frames = self._frames[record.kind]
            frames.feed(record.data)
            try:
                for view in frames:
                    body = bytes(view)
                    message, trouble = _decoded(body)
                    yield Passed(record.seconds, record.kind, body, message, trouble)
            except FrameError as error:
                self._broken.add(record.kind)
                yield Passed(record.seconds, record.kind, record.data, None, f"not a frame: {error.message}")

    def _rest(self, record: Record, sender: str) -> Iterator[Passed]:
        pending = self._frames[sender].pending
        if pending and sender not in self._broken:
            yield Passed(record.seconds, sender, b"", None, f"{pending} bytes of a frame that was never completed")


def conversation(records: Iterable[Record]) -> Iterator[Passed]:
    """All that went by. Raises what the iteration over ``records`` raises, after everything before it."""
    cutter = Conversation()
    for record in records:
        yield from cutter.take(record)


def _decoded(body: bytes) -> tuple[Any, str]:
    try:
        return msgpack.decode(body), ""
    except _MALFORMED as error:
        return None, f"no MessagePack: {error}"
