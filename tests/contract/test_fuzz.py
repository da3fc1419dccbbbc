"""Whatever the input, each request is answered exactly once, with its own id, and nothing breaks.

10 000 frames, and 220 000 in CI (``--fuzz-frames``). hypothesis chooses the seed, the mixture and the chunking; the frames themselves come
from a seeded generator, because drawing each of them would take minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import HttpFailedError
from sidecar.rpc.router import Router
from sidecar.wire.channels import CHANNELS
from sidecar.wire.framing import FrameBuffer, framed

FRAMES = 500  # of one example; --fuzz-frames says how many in all
FAR = 2**40  # from the ids of whole requests to those of broken ones: a flipped bit must not make one of the other
NEVER = object()  # marks a frame whose id cannot be foretold

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode
ext = msgspec.msgpack.Ext


class Generator:
    """Frames of every kind, each with what is known about its answer."""

    def __init__(self, seed: int, badness: float) -> None:
        self.random = random.Random(seed)
        self.badness = badness
        self.last_id = 10_000_000

    def value(self, depth: int = 3) -> Any:
        pick = self.random.randrange(14 if depth else 9)
        if pick < 9:
            simple = (
                None,
                True,
                -1,
                2**63,
                1.5,
                "",
                "text \u2603",
                b"\x00\xff",
                ext(self.random.randrange(-5, 5), b"1234"),
            )
            return simple[pick]
        if pick < 12:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice(("lines", "timeout", "a")): self.value(depth - 1) for _ in range(3)}

    def request(self, channel: str | None = None, offset: int = 0) -> tuple[int, bytes]:
        self.last_id += self.random.randrange(1, 5)
        number = self.last_id + offset
        message = {
            "type": "request",
            "id": float(number) if self.random.random() < 0.1 else number,
            "channel": channel or self.random.choice((*CHANNELS, "sidecar:ping", "sidecar:ping", "nope", "")),
            "args": [self.value() for _ in range(self.random.randrange(3))],
        }
        items = list(message.items())
        if self.random.random() < 0.5:
            self.random.shuffle(items)
        return self.last_id, encode(dict(items))

    def broken(self) -> bytes:
        if self.random.random() < 0.2:
            return self.random.randbytes(self.random.randrange(1, 60))
        body = bytearray(self.request("sidecar:ping", FAR)[1])
        for _ in range(self.random.randrange(1, 4)):
            where = self.random.randrange(len(body))
            how = self.random.randrange(4)
            if how == 0:
                body[where] = self.random.randrange(256)
            elif how == 1:
                del body[where : where + self.random.randrange(1, 8)]
            elif how == 2:
                body[where:where] = self.random.randbytes(self.random.randrange(1, 8))
            else:
                body += encode(self.value())
            body = body or bytearray(b"\xc1")
        return bytes(body)


def reported_id(body: bytes) -> Any:
    """The id of a body, read by a decoder that is not the sidecar's; NEVER where it cannot read the body."""
    try:
        message = decode(body)
    except (ValueError, TypeError, RecursionError):
        return NEVER
    number = message.get("id") if isinstance(message, dict) else None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return number if type(number) is int and 0 <= number < 2**53 else None


class Run:
    """One example: a router with all kinds of handlers, and a record of requests and answers."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.random = generator.random
        self.answers: list[dict[str, Any]] = []
        self.asked: set[int] = set()
        self.foreign = 0  # answers owed to broken frames
        manners = (self.plain, self.plain, self.failing, self.defect, self.later, self.later_failing)
        table = {name: manners[number % len(manners)] for number, name in enumerate(sorted(CHANNELS))}
        self.router = Router(
            table | {"sidecar:ping": self.plain},
            lambda body: self.answers.append(decode(body)),
            max_frame=1 << 20,
            max_in_flight=20,
            defect=lambda _where, _error: None,
            on_idle=lambda: None,
        )

    def plain(self, *args: Any) -> Any:
        return list(args)

    def failing(self, *_args: Any) -> None:
        raise HttpFailedError("no")

    def defect(self, *_args: Any) -> None:
        raise ZeroDivisionError

    async def later(self, *args: Any) -> Any:
        for _ in range(self.random.randrange(5)):
            await asyncio.sleep(0)
        return list(args)

    async def later_failing(self, *_args: Any) -> None:
        await asyncio.sleep(0)
        raise HttpFailedError("no")

    def make(self) -> tuple[str, Any, bytes]:
        """Kind, id and body of one frame."""
        pick = self.random.random()
        if pick < self.generator.badness:
            body = self.generator.broken()
            return "broken", reported_id(body), body
        if pick < self.generator.badness + 0.05 and self.asked:
            number = self.generator.last_id - self.random.randrange(10)
            return "cancel", number, encode({"type": "cancel", "id": number})
        number, body = self.generator.request()
        self.asked.add(number)
        return "request", number, body

    def serve(self, kind: str, number: Any, body: memoryview) -> None:
        before = len(self.answers)
        self.router.dispatch(body)
        fresh = self.answers[before:]
        assert len(fresh) <= 1
        if kind == "broken":
            self.foreign += 1
            assert len(fresh) == 1, bytes(body)
            got = fresh[0]["id"]
            assert got in (None, number) or (number is NEVER and got not in self.asked), (got, bytes(body))
        elif fresh:
            assert fresh[0]["id"] == number
            assert kind == "request" or fresh[0]["error"]["code"] == "CANCELLED"

    async def play(self, frames: int, chunk: int) -> None:
        made = [self.make() for _ in range(frames)]
        stream = b"".join(framed(body) for _, _, body in made)
        upcoming = iter(made)
        buffer = FrameBuffer(1 << 20)
        position = 0
        while position < len(stream):
            size = self.random.randrange(1, chunk + 1)
            buffer.feed(stream[position : position + size])
            position += size
            for body in buffer:
                kind, number, _ = next(upcoming)
                self.serve(kind, number, body)
            await asyncio.sleep(0)
        assert next(upcoming, None) is None
        while self.router.in_flight:
            await asyncio.sleep(0)

    def check(self) -> None:
        count = Counter(answer["id"] for answer in self.answers)
        assert [number for number in self.asked if count[number] != 1] == []
        assert len(self.answers) == len(self.asked) + self.foreign


def test_each_request_is_answered_once_under_its_own_id(pytestconfig: pytest.Config) -> None:
    examples = max(1, pytestconfig.getoption("fuzz_frames") // FRAMES)

    @settings(max_examples=examples, derandomize=True, database=None)
    @given(st.integers(0, 2**32), st.sampled_from((0.0, 0.1, 0.5, 0.9)), st.sampled_from((1, 7, 100, 5000, 300_000)))
    def play(seed: int, badness: float, chunk: int) -> None:
        run = Run(Generator(seed, badness))
        frames = FRAMES if chunk > 1 else FRAMES // 10
        asyncio.run(run.play(frames, chunk))
        if chunk == 1:
            asyncio.run(run.play(FRAMES - frames, 100))
        run.check()

    play()
