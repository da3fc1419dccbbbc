"""``sidecar replay --to-client``: plays the recorded sidecar for a client, without a sidecar or backend."""

import asyncio
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, msgpack

from ..errors import FrameError
from ..process.platform.descriptors import guard_stdio
from ..rpc.stdio.reader import Reader
from ..rpc.stdio.writer import Writer
from ..wire.framing import FrameBuffer
from .conversation import Exchange, Tape
from .recording import Recording, RecordingError

DRAIN = 1.0  # seconds for unsent data at the end, as on the protocol page


def run(file: str, *, fast: bool) -> int:
    """Plays until the client closes its side or requests the shutdown, or the recorded sidecar ended by itself.

    A request gets the recorded answer of the same request, after as long as it took (``fast``: at once). The last one repeats.

    Returns the recorded status, 0 if the client ended it, 65 if it sent anything but frames. RecordingError: the file is not
    a recording, has no hello or is damaged; nothing was played.
    """
    tape = Tape()
    for record in Recording(Path(file)):
        tape.take(record)
    if tape.hello is None:
        raise RecordingError(f"{file} has no hello: the recorded sidecar never started")
    stdin_fd, stdout_fd = guard_stdio()

    async def play() -> int:
        return await _Playback(tape, stdin_fd, stdout_fd, pace=0.0 if fast else 1.0).run()

    return asyncio.run(play())


class Answers:
    """Finds the recorded exchange that answers a request; pure."""

    def __init__(self, tape: Tape) -> None:
        self._exact: dict[bytes, list[Exchange]] = defaultdict(list)
        self._loose: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in tape.exchanges:
            if exchange.answer is not None:
                self._exact[_key(exchange.channel, exchange.args)].append(exchange)
                self._loose[exchange.channel].append(exchange)

    def find(self, channel: str, args: Any) -> Exchange | None:
        """Returns the next answer to the same request, else to any request of that channel; None if there is none."""
        found = self._exact.get(_key(channel, args)) or self._loose.get(channel)
        if not found:
            return None
        return found.pop(0) if len(found) > 1 else found[0]


def _key(channel: str, args: Any) -> bytes:
    try:
        return msgpack.encode([channel, args])
    except RecursionError:  # nested nearly as deeply as can be decoded
        return b""


class _Playback:
    def __init__(self, tape: Tape, stdin_fd: int, stdout_fd: int, *, pace: float) -> None:
        self.tape = tape
        self.pace = pace
        self.answers = Answers(tape)
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[int] = self.loop.create_future()
        self.frames = FrameBuffer()
        self.writer = Writer(stdout_fd, lambda: None, lambda _: self.finish(0))
        self.reader = Reader(stdin_fd, self.frames, self.take, lambda: self.finish(0))

    async def run(self) -> int:
        assert self.tape.hello is not None
        # A client may inspect or end the process that it talks to: that is this one, not one that has the recorded pid by now.
        self.writer.send(msgpack.encode({**self.tape.hello.message, "pid": os.getpid()}))
        self.reader.resume()
        unsolicited = asyncio.create_task(self._send_unsolicited(self.tape.hello.at))
        status = await self.over
        unsolicited.cancel()
        self.reader.stop()
        await self.writer.drained(DRAIN)
        self.writer.close()
        return status

    async def _send_unsolicited(self, hello_at: float) -> None:
        began = self.loop.time()
        for passed in self.tape.unsolicited:
            await asyncio.sleep(max(0.0, (passed.at - hello_at) * self.pace - (self.loop.time() - began)))
            self.writer.send(passed.body)
        if self.tape.exit is not None and not self.tape.ended_by_client:
            await asyncio.sleep(max(0.0, self.tape.exit_at * self.pace - (self.loop.time() - began)))
            self.finish(self.tape.exit)

    def finish(self, status: int) -> None:
        if not self.over.done():
            self.over.set_result(status)

    def take(self) -> None:
        try:
            for body in self.frames:
                try:
                    message = msgpack.decode(body)
                except (MsgspecError, ValueError, RecursionError):
                    message = None
                self._answer(message)
        except FrameError as error:
            self._send_error(None, error.code, error.message)
            self.finish(error.exit_status)

    def _answer(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("type") != "request":
            return  # a cancel is too late: the answer is already known
        number, channel = message.get("id"), str(message.get("channel"))
        exchange = self.answers.find(channel, message.get("args") or [])
        if exchange is None and channel != "sidecar:shutdown":
            self._send_error(number, "UNKNOWN_CHANNEL", f"The recording has no answer from {channel}")
            return
        delay = exchange.answered_at - exchange.requested_at if exchange else 0.0
        answer = {**exchange.answer, "id": number} if exchange and exchange.answer else None
        answer = answer or {"type": "response", "id": number, "result": {"success": True}}
        self._later(delay, self.writer.send, msgpack.encode(answer))
        if channel == "sidecar:shutdown":
            self._later(delay, self.finish, 0)

    def _send_error(self, number: Any, code: str, message: str) -> None:
        self.writer.send(msgpack.encode({"type": "error", "id": number, "error": {"code": code, "message": message}}))

    def _later(self, delay: float, function: Any, argument: Any) -> None:
        if delay * self.pace > 0:
            self.loop.call_later(delay * self.pace, function, argument)
        else:
            function(argument)
