"""A recording as a script: what the client said, after what, and what it was answered; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .conversation import Conversation, Passed
from .recording import Record

STATE_CHANNEL = "backend:stateChanged"


class Step(NamedTuple):
    """What the client did, ``at`` seconds since hello.

    ``data`` is what it sent; None: it closed its side. ``answers`` and ``moves`` count the answers and changes of state that it
    had received by then.
    """

    at: float
    data: bytes | None
    answers: int
    moves: int


@dataclass(slots=True)
class Exchange:
    """One request, and what came of it; ``answer`` is the message as it went by, None where none came."""

    id: Any
    channel: str
    args: Any
    asked: float
    answer: dict[str, Any] | None = None
    answered: float = 0.0

    @property
    def outcome(self) -> Any:
        """What counts of the answer: the result, or the error."""
        if self.answer is None:
            return None
        return self.answer.get("result") if self.answer.get("type") == "response" else self.answer.get("error")


@dataclass(slots=True)
class Tape:
    """What one side of a conversation consists of.

    Attributes:
        unasked: events, and errors about the stream or the settings.
        states: the lifecycle's.
        exit: the sidecar's status; None where its end was not seen.
        ended_by_client: the client had asked for the end before it came.
    """

    hello: Passed | None = None
    steps: list[Step] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    unasked: list[Passed] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    exit: int | None = None
    exit_at: float = 0.0
    ended_by_client: bool = False
    answers: int = 0
    _open: dict[Any, list[Exchange]] = field(default_factory=dict)
    _conversation: Conversation = field(default_factory=Conversation)

    def read(self, records: Iterable[Record]) -> None:
        """Takes records in. Raises what their iteration raises; what came before that is kept."""
        for record in records:
            self.take(record)

    def take(self, record: Record) -> None:
        """Takes one record in."""
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

    def _pass(self, passed: Passed) -> None:
        kind, number = passed.field("type"), passed.field("id")
        if not isinstance(number, str | int | float | None):
            return  # a mistake that is not ours to judge
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
                    self.unasked.append(passed)
                elif waiting := self._open.get(number):
                    exchange = waiting.pop(0)
                    exchange.answer, exchange.answered = passed.message, passed.at
            case "sidecar", "event":
                self.unasked.append(passed)
                payload = passed.field("payload")
                if passed.field("channel") == STATE_CHANNEL and isinstance(payload, dict):
                    self.states.append(str(payload.get("state")))
