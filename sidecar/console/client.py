"""A client for the command-line tools: uses the sidecar's stdin and stdout, as Electron does."""

import asyncio
import sys
from asyncio import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from msgspec import UNSET, MsgspecError, msgpack

from ..argv import HINT
from ..core.exit_status import signal_name
from ..errors import FrameError, InvalidArgsError, InvalidConfigError, SidecarError, UsageError
from ..process.platform.signals import OWN_SESSION
from ..wire.framing import FrameBuffer, framed
from ..wire.hello import PROTOCOL
from ..wire.messages import ErrorBody, ErrorMessage, EventMessage, Hello, Response

# Our path goes first in a checkout, and last if it holds installed packages, which could otherwise hide Python's modules.
_RUN = (
    "import sys; path = sys.argv.pop(1); sys.path.insert(len(sys.path) if path.endswith('-packages') else 0, path);"
    " from {module} import main; sys.exit(main({arguments}))"
)

EventListener = Callable[[str, Any], None]
DroppedListener = Callable[[str, int], None]

# Seconds; from the protocol page: the stop ladder takes total_shutdown (27 s) at most, and unsent data 1 s more.
SHUTDOWN_LIMIT = 30.0
HELLO_LIMIT = 30.0  # seconds, for a cold disk and a virus scanner; without them it takes 12 ms
_STDERR_LINES = 200


class RemoteError(SidecarError):
    """The sidecar's error answer; ``error`` has code, message, hint and data as received."""

    def __init__(self, error: ErrorBody) -> None:
        super().__init__(error.message)
        self.error = error


class SidecarLostError(SidecarError):
    """The sidecar exited, or does not speak the protocol; the message has its last output."""


def serve_command() -> list[str]:
    """Returns the command that starts a sidecar of this version; a packed one is the executable itself."""
    return [*([sys.executable] if getattr(sys, "frozen", False) else isolated_python("sidecar.__main__")), "serve"]


def isolated_python(module: str, arguments: str = "") -> list[str]:
    """Returns the command that runs ``main`` of a module of this package, installed or not, in a new interpreter."""
    # ``-I``: no code comes from the working directory, PYTHONPATH or PYTHONSTARTUP; the backend inherits the environment unchanged.
    code = _RUN.format(module=module, arguments=arguments)
    return [sys.executable, "-I", "-c", code, str(Path(__file__).resolve().parents[2])]


class Client:
    """A sidecar process and its connection; ``failure`` is an error without an id (wrong settings, a broken stream)."""

    def __init__(
        self, process: subprocess.Process, on_event: EventListener | None, on_dropped: DroppedListener | None
    ) -> None:
        self.hello: Hello | None = None
        self.failure: ErrorBody | None = None
        self.exit_status: int | None = None
        self._process = process
        self._on_event = on_event
        self._on_dropped = on_dropped
        self._next_id = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._last_words: deque[str] = deque(maxlen=_STDERR_LINES)
        self._decoder = msgpack.Decoder(Hello | Response | ErrorMessage | EventMessage)
        self._greeted = asyncio.Event()
        self._ended = asyncio.create_task(self._converse())

    @classmethod
    async def start(
        cls,
        words: Sequence[str],
        *,
        on_event: EventListener | None = None,
        on_dropped: DroppedListener | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Spawns ``sidecar serve WORDS`` and waits for its hello; ``env``: the whole environment, by default ours.

        ``on_event`` gets channel and payload of each event, ``on_dropped`` before it the channel and how many are missing.
        UsageError: it rejected ``words``. SidecarLostError: it could not be started, ended, or sent something else.
        """
        pipe = subprocess.PIPE
        try:  # in its own session: Ctrl+C is for us; we shut the sidecar down in order
            process = await asyncio.create_subprocess_exec(
                *serve_command(), *words, stdin=pipe, stdout=pipe, stderr=pipe, env=env, **OWN_SESSION
            )
        except OSError as error:
            raise SidecarLostError(f"The sidecar could not be started: {error}") from error
        client = cls(process, on_event, on_dropped)
        try:
            async with asyncio.timeout(HELLO_LIMIT):
                await client._greeted.wait()
        except TimeoutError:
            await client.kill()
            raise client._lost("The sidecar sent no hello") from None
        except asyncio.CancelledError:
            await client.kill()  # it would run on for a moment, in a folder that may be about to be removed
            raise
        if client.hello is None or client.hello.protocol != PROTOCOL:
            await client.kill()
            what = "ended before its hello" if client.hello is None else "speaks another protocol"
            raise client._lost(f"The sidecar {what}")
        return client

    async def call(self, channel: str, *args: Any) -> Any:
        """Sends a request and returns its result. If the caller is cancelled, so is the request.

        RemoteError: the answer is an error. InvalidArgsError: MessagePack cannot hold the arguments. InvalidConfigError: the
        settings are wrong. SidecarLostError: it ended in the meantime.
        """
        if self._ended.done():
            raise self._lost("The sidecar has ended")
        self._next_id += 1
        number = self._next_id
        try:
            request = msgpack.encode({"type": "request", "id": number, "channel": channel, "args": args})
        except (MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidArgsError(f"The arguments cannot be sent: {error}") from error
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._write(request)
            assert self._process.stdin
            with suppress(OSError):  # its end answers the request
                await self._process.stdin.drain()
            return await answer
        except asyncio.CancelledError:
            if self._answers.pop(number, None) is not None:
                # Not drained: a sidecar that no longer reads would block the caller that gives up because of that.
                self._write(msgpack.encode({"type": "cancel", "id": number}))
            raise

    async def wait(self) -> int:
        await asyncio.shield(self._ended)
        assert self.exit_status is not None
        return self.exit_status

    async def close(self) -> int:
        """Sends ``sidecar:shutdown``; returns the exit status. Kills a sidecar that takes too long, or when it is cancelled."""
        try:
            async with asyncio.timeout(SHUTDOWN_LIMIT):
                if not self._ended.done():
                    await self.call("sidecar:shutdown")
                await asyncio.shield(self._ended)
        except SidecarError:
            pass  # it ends, or has ended
        except (TimeoutError, asyncio.CancelledError) as error:
            await self.kill()  # otherwise asyncio would find the loop closed later, and print that
            if isinstance(error, asyncio.CancelledError):
                raise
        return await self.wait()

    async def kill(self) -> None:
        """Kills the sidecar at once; its children exit with their lifeline."""
        if not self._ended.done():
            self._end_process()
        await self._ended

    @property
    def end(self) -> str:
        status = self.exit_status
        assert status is not None
        return f"exit status {status}" if status >= 0 else f"killed by {signal_name(-status)}"

    @property
    def last_words(self) -> str:
        return "\n".join(self._last_words)

    async def _converse(self) -> None:
        """Reads both streams to the end, then fails all waiting calls."""
        stderr = asyncio.create_task(self._read_stderr())
        try:
            await self._read_frames()
        except (FrameError, MsgspecError) as error:
            self._last_words.append(f"Not a frame of the protocol: {error}")
            self._end_process()
        except Exception as error:  # noqa: BLE001 - a bug in a listener must not leave callers waiting
            self._last_words.append(f"Its message could not be handled: {type(error).__name__}: {error}")
            self._end_process()
        await stderr
        self.exit_status = await self._process.wait()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._lost("The sidecar ended before it answered"))
        self._answers.clear()
        self._greeted.set()

    def _end_process(self) -> None:
        with suppress(ProcessLookupError):  # it has ended, and asyncio has released it
            self._process.kill()

    def _write(self, body: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(framed(body))

    async def _read_frames(self) -> None:
        assert self._process.stdout
        frames = FrameBuffer()
        while chunk := await self._process.stdout.read(1 << 16):
            frames.feed(chunk)
            for body in frames:
                self._take(self._decoder.decode(body))

    async def _read_stderr(self) -> None:
        assert self._process.stderr
        rest = b""
        while chunk := await self._process.stderr.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            self._last_words.extend(line.decode("utf-8", "replace").rstrip() for line in lines)
        if rest:
            self._last_words.append(rest.decode("utf-8", "replace"))

    def _take(self, message: Hello | Response | ErrorMessage | EventMessage) -> None:
        match message:
            case EventMessage():
                if self._on_dropped and message.dropped:
                    self._on_dropped(message.channel, message.dropped)
                if self._on_event:
                    self._on_event(message.channel, message.payload)
            case Hello():
                self.hello = message
                self._greeted.set()
            case ErrorMessage(id=None):
                self.failure = message.error
            case ErrorMessage() | Response():
                assert message.id is not None
                answer = self._answers.pop(message.id, None)
                if answer is not None and not answer.done():
                    if isinstance(message, Response):
                        answer.set_result(message.result)
                    else:
                        answer.set_exception(RemoteError(message.error))

    def _lost(self, what: str) -> SidecarError:
        if self.failure is not None:
            hint = None if self.failure.hint is UNSET else self.failure.hint
            kind = InvalidConfigError if self.failure.code == InvalidConfigError.code else SidecarLostError
            return kind(self.failure.message, hint=hint)
        if self.exit_status == UsageError.exit_status:
            return UsageError(self.last_words.removeprefix("sidecar: ").removesuffix(f" {HINT}"))
        status = "" if self.exit_status is None else f" ({self.end})"
        words = f"; it wrote:\n{self.last_words}" if self._last_words else ""
        return SidecarLostError(f"{what}{status}{words}")
