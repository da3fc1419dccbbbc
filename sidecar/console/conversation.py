"""Turns recorded chunks into messages, and into a script of what the client sent and received. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import Struct, field, msgpack

from ..argv import MAX_FRAME_RANGE
from ..errors import FrameError
from ..wire.codec import DECODE_FAILURES
from ..wire.framing import FrameBuffer
from .recording import Record


class RecordedFrame(NamedTuple):
    """One recorded frame, chunk or end of a stream."""

    at: float  # seconds after the start
    sender: str  # client or sidecar
    body: bytes  # the frame, or the whole chunk if it is not one
    message: Any  # None if the body cannot be decoded
    trouble: str = ""  # why it cannot be decoded, or how the sender ended

    def field(self, name: str) -> Any:
        """Returns a value of the message; None if missing, because the message may be anything."""
        return self.message.get(name) if isinstance(self.message, dict) else None


class Conversation:
    """Splits both directions into frames."""

    def __init__(self) -> None:
        largest = MAX_FRAME_RANGE[1]
        self._frames = {"client": FrameBuffer(largest), "sidecar": FrameBuffer(largest)}
        self._broken: set[str] = set()

    def take(self, record: Record) -> Iterator[RecordedFrame]:
        if record.kind == "exit":
            yield from self._end(record, "sidecar", f"exit status {record.data.decode('ascii', 'replace')}")
        elif record.kind == "client end":
            yield from self._end(record, "client", "end of input")
        elif record.kind in self._broken:
            yield RecordedFrame(record.seconds, record.kind, record.data, None, "not a frame")
        else:
            frames = self._frames[record.kind]
            frames.feed(record.data)
            try:
                for view in frames:
                    body = bytes(view)
                    message, trouble = _decoded(body)
                    yield RecordedFrame(record.seconds, record.kind, body, message, trouble)
            except FrameError as error:
                self._broken.add(record.kind)
                yield RecordedFrame(record.seconds, record.kind, record.data, None, f"not a frame: {error.message}")

    def _end(self, record: Record, sender: str, how: str) -> Iterator[RecordedFrame]:
        pending = self._frames[sender].pending
        if pending and sender not in self._broken:
            rest = f"{pending} bytes of a frame that was never completed"
            yield RecordedFrame(record.seconds, sender, b"", None, rest)
        yield RecordedFrame(record.seconds, sender, b"", None, how)


def conversation(records: Iterable[Record]) -> Iterator[RecordedFrame]:
    """Yields all frames. Raises what the iteration over ``records`` raises, after everything before it."""
    cutter = Conversation()
    for record in records:
        yield from cutter.take(record)


def _decoded(body: bytes) -> tuple[Any, str]:
    try:
        return msgpack.decode(body), ""
    except DECODE_FAILURES as error:
        return None, f"not MessagePack: {error}"


class Step(NamedTuple):
    """``data`` that the client sent (None: it closed) ``at`` seconds after hello, after so many ``answers`` and state changes (``moves``)."""

    at: float
    data: bytes | None
    answers: int
    moves: int


class Exchange(Struct):
    """A request and its answer; ``answer`` is the recorded message, or None."""

    id: Any
    channel: str
    args: Any
    requested_at: float
    answer: dict[str, Any] | None = None
    answered_at: float = 0.0

    @property
    def outcome(self) -> Any:
        if self.answer is None:
            return None
        return self.answer.get("result") if self.answer.get("type") == "response" else self.answer.get("error")


class Tape(Struct):
    """Collects one side of a conversation."""

    hello: RecordedFrame | None = None
    steps: list[Step] = []
    exchanges: list[Exchange] = []
    unsolicited: list[RecordedFrame] = []  # events, and errors about stream or settings
    states: list[str] = []
    exit: int | None = None  # the sidecar's exit status; None if its end was not recorded
    exit_at: float = 0.0
    ended_by_client: bool = False  # the client had requested the end before it came
    answers: int = 0
    _open: dict[Any, list[Exchange]] = {}
    _conversation: Conversation = field(default_factory=Conversation)

    def take(self, record: Record) -> None:
        since = record.seconds - (self.hello.at if self.hello else record.seconds)
        if record.kind == "client":
            self.steps.append(Step(since, record.data, self.answers, len(self.states)))
        elif record.kind == "client end":
            self.ended_by_client = True
            self.steps.append(Step(since, None, self.answers, len(self.states)))
        elif record.kind == "exit":
            self.exit, self.exit_at = int(record.data or b"0"), since
        for passed in self._conversation.take(record):
            self._pass(passed)

    def _pass(self, passed: RecordedFrame) -> None:
        kind, number = passed.field("type"), passed.field("id")
        if not isinstance(number, str | int | float | None):
            return  # invalid, and not for this module to judge
        match passed.sender, kind:
            case "sidecar", "hello":
                self.hello = self.hello or passed
            case "client", "request":
                exchange = Exchange(number, str(passed.field("channel")), passed.field("args") or [], passed.at)
                self.exchanges.append(exchange)
                self._open.setdefault(number, []).append(exchange)
                self.ended_by_client |= exchange.channel == "sidecar:shutdown"
            case "sidecar", "response" | "error":
                self.answers += 1
                if number is None:
                    self.unsolicited.append(passed)
                elif waiting := self._open.get(number):
                    exchange = waiting.pop(0)
                    exchange.answer, exchange.answered_at = passed.message, passed.at
            case "sidecar", "event":
                self.unsolicited.append(passed)
                payload = passed.field("payload")
                if passed.field("channel") == "backend:stateChanged" and isinstance(payload, dict):
                    self.states.append(str(payload.get("state")))
