"""A protocol client that is written from the protocol page only and shares no code with the sidecar.

It starts a real ``sidecar serve`` (``SIDECAR_COMMAND``, split as a shell would, else this interpreter with ``-m sidecar``),
exchanges frames with it, records every message, and finally checks that no process is left. Threads read and write,
so that it works on any event loop and a test can stop reading without stopping the loop.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.launch import clean_environment, sidecar_command, toml_value
from tests.support.pipes import Message, PipedProcess, pack
from tests.support.schemas import conversation_mistakes

DEFAULT_TIMEOUT = 60.0
_MESSAGES_CHECKED = 300  # per conversation, against the schemas: a fuzz test has too many to check


class RemoteError(Exception):
    """An ``error`` message: the answer to a request, or (``id`` None) a complaint about the stream or the settings."""

    def __init__(self, message: Message) -> None:
        error = message["error"]
        super().__init__(f"{error['code']}: {error['message']}")
        self.id: int | None = message["id"]
        self.code: str = error["code"]
        self.message: str = error["message"]
        self.hint: str | None = error.get("hint")
        self.data: dict[str, Any] | None = error.get("data")


async def failure(answer: Awaitable[Any]) -> RemoteError:
    """Awaits an answer that must be an error, and returns that error."""
    try:
        result = await answer
    except RemoteError as error:
        return error
    raise AssertionError(f"no error, but {result!r}")


class SidecarGoneError(Exception):
    """The stream ended while a test was still waiting."""


class SidecarClient:
    """One sidecar process and the conversation with it. Use it as an async context manager, or call ``start`` and ``close``.

    Args:
        backend: the command of the backend, passed after ``--``; empty: none.
        settings: dotted names to values, e.g. ``{"timeouts.startup": 5}``; ``timeouts__startup`` is the same name.
        flags: additional command-line arguments before ``--``.
        env: additions to the environment; None removes a name.
        data: the data folder; None: a temporary one, removed at the end.
        cwd: the working directory; None: the data folder.
        expect_exit: the exit status that ``close`` checks; None: any.
    """

    def __init__(
        self,
        backend: Sequence[str] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        data: Path | None = None,
        cwd: Path | None = None,
        command: Sequence[str] | None = None,
        expect_exit: int | None = 0,
    ) -> None:
        self._temporary = None if data else Path(tempfile.mkdtemp(prefix="sidecar-test-"))
        self.data = data or self._temporary or Path()
        values = {"paths.data": str(self.data), **(settings or {})}
        words = [
            word
            for name, value in values.items()
            for word in ("--set", f"{name.replace('__', '.')}={toml_value(value)}")
        ]
        tail = ["--", *backend] if backend else []
        self.command = [*(command or sidecar_command()), "serve", *words, *flags, *tail]
        self.env = clean_environment(env)
        self.cwd = cwd or self.data
        self.expect_exit = expect_exit
        self.hello: Message = {}
        self.events: list[Message] = []
        self.errors: list[RemoteError] = []
        self.recording: list[tuple[str, Message]] = []
        self.ended = False
        self._next_id = 0
        self._answers: dict[int, list[asyncio.Future[Any]]] = {}
        self._violations: list[str] = []  # protocol violations; a callback of the loop cannot fail a test
        self._changed: asyncio.Event = asyncio.Event()

    # Life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            await self.close()
        else:
            await asyncio.to_thread(self._destroy)

    async def start(self, *, wait_for_hello: bool = True) -> Self:
        """Spawns the sidecar and waits for its hello."""
        self._loop = asyncio.get_running_loop()
        self.spawned = time.monotonic()
        self.process = PipedProcess(
            self.command, env=self.env, cwd=self.cwd, on_messages=self._take, on_end=self._take_end
        )
        if wait_for_hello:
            try:
                await self.until(lambda: bool(self.hello), "hello")
            except BaseException:
                await asyncio.to_thread(self._destroy)
                raise
        return self

    async def close(self, *, timeout: float = DEFAULT_TIMEOUT) -> int:
        """Shuts the sidecar down if it still runs, and checks that it exited as expected and left nothing behind."""
        try:
            if self.process.alive and not self.ended:
                self.process.remember_descendants()
                self.request("sidecar:shutdown").add_done_callback(_ignore)
            status = await self.wait_exit(timeout)
            leftovers = await asyncio.to_thread(self.process.leftovers)
            assert not self._violations, self._violations
            assert not leftovers, f"still alive after the sidecar's end: {leftovers}"
            wrong = list(conversation_mistakes(self.recording[:_MESSAGES_CHECKED]))
            assert not wrong, f"contradicts the schemas: {wrong[:5]}"
            if self.expect_exit is not None:
                assert status == self.expect_exit, f"exit status {status}; stderr:\n{self.stderr_text}"
            return status
        finally:
            await asyncio.to_thread(self._destroy)

    async def wait_exit(self, timeout: float = DEFAULT_TIMEOUT) -> int:
        """Returns the exit status, once the recording is complete."""
        status = await asyncio.to_thread(self.process.wait, timeout)
        await asyncio.sleep(0)
        return status

    def kill(self) -> None:
        """Kills (SIGKILL, TerminateProcess) the process that sent hello; behind a Windows launcher it is not the spawned one."""
        self.process.kill(self.hello.get("pid"))
        self.expect_exit = None

    # Speaking

    def request(self, channel: str, *args: Any, request_id: int | None = None) -> asyncio.Future[Any]:
        """Sends a request; the future gets its result or a RemoteError. ``future.request_id`` is for ``cancel``."""
        if request_id is None:
            self._next_id += 1
            request_id = self._next_id
        answer: asyncio.Future[Any] = self._loop.create_future()
        answer.request_id = request_id  # type: ignore[attr-defined]
        if self.ended:
            answer.set_exception(SidecarGoneError(self.stderr_text))
            return answer
        self.expect(request_id, answer)
        self.send({"type": "request", "id": request_id, "channel": channel, "args": list(args)})
        return answer

    async def call(self, channel: str, *args: Any, timeout: float = DEFAULT_TIMEOUT) -> Any:
        """Sends a request and returns its result; raises RemoteError."""
        async with asyncio.timeout(timeout):
            return await self.request(channel, *args)

    def expect(self, request_id: int, *answers: asyncio.Future[Any]) -> None:
        """Lets the next answers with that id settle these futures in turn, for requests sent by ``send_raw``."""
        self._answers[request_id] = list(answers)

    def cancel(self, request: asyncio.Future[Any]) -> None:
        """Sends a cancel for a request in flight."""
        self.send({"type": "cancel", "id": request.request_id})  # type: ignore[attr-defined]

    def send(self, message: Message) -> None:
        """Any message."""
        self.recording.append(("client", message))
        self.send_raw(pack(message))

    def send_raw(self, data: bytes) -> None:
        """Any bytes."""
        self.process.write(data)

    def close_stdin(self) -> None:
        """Closes stdin, as the death of the owner does."""
        self.process.close_stdin()

    def pause_reading(self) -> None:
        """Stops reading stdout, within one chunk."""
        self.process.pause_reading()

    def resume_reading(self) -> None:
        """Resumes reading."""
        self.process.resume_reading()

    # Listening

    def mark(self) -> int:
        """Returns the current position in the stream of events, for ``since``."""
        return len(self.events)

    async def event(
        self,
        channel: str,
        where: Callable[[Any], bool] | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        since: int = 0,
    ) -> Any:
        """Returns the payload of the channel's first event, including past ones from ``since`` on."""

        def find() -> Message | None:
            for message in self.events[since:]:
                if message["channel"] == channel and (where is None or where(message["payload"])):
                    return message
            return None

        await self.until(lambda: find() is not None, f"event {channel}", timeout)
        found = find()
        assert found
        return found["payload"]

    async def state(self, name: str, *, timeout: float = DEFAULT_TIMEOUT, since: int = 0) -> Any:
        """Waits for a state, and returns its ``backend:stateChanged`` payload."""
        return await self.event("backend:stateChanged", lambda it: it["state"] == name, timeout=timeout, since=since)

    def payloads(self, channel: str, since: int = 0) -> list[Any]:
        """Every payload of a channel so far."""
        return [message["payload"] for message in self.events[since:] if message["channel"] == channel]

    async def error(self, code: str | None = None, *, timeout: float = DEFAULT_TIMEOUT) -> RemoteError:
        """Waits for the first error without an id."""

        def matching() -> list[RemoteError]:
            return [error for error in self.errors if code in {None, error.code}]

        await self.until(lambda: bool(matching()), f"error {code}", timeout)
        return matching()[0]

    async def until(self, condition: Callable[[], bool], what: str, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Waits until a condition over the received messages is true."""
        deadline = self._loop.time() + timeout
        while not condition():
            self._changed.clear()
            if self.ended:
                raise SidecarGoneError(f"waited for {what}; stderr:\n{self.stderr_text}")
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - self._loop.time())
            except TimeoutError:
                seen = [(m["channel"], m["payload"]) for m in self.events[-12:]]
                raise TimeoutError(
                    f"no {what} in {timeout} s; last events {seen}; stderr:\n{self.stderr_text}"
                ) from None

    @property
    def stderr_text(self) -> str:
        """Returns the stderr output so far."""
        return self.process.stderr.decode("utf-8", "replace")

    # On the loop

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            self.recording.append(("sidecar", message))
            kind = message["type"]
            if kind == "event":
                self.events.append(message)
            elif kind == "hello":
                if self.hello:
                    self._violations.append("a second hello")
                self.hello = message
            elif kind == "error" and message["id"] is None:
                self.errors.append(RemoteError(message))
            else:
                self._settle(message)
        self._changed.set()

    def _settle(self, message: Message) -> None:
        waiting = self._answers.get(message.get("id", -1))
        if not waiting or message["type"] not in {"response", "error"}:
            self._violations.append(f"an answer to nothing that was asked: {message}")
            return
        answer = waiting.pop(0)
        if answer.cancelled():
            return
        if message["type"] == "response":
            answer.set_result(message["result"])
        else:
            answer.set_exception(RemoteError(message))

    def _take_end(self) -> None:
        self.ended = True
        for answer in [answer for waiting in self._answers.values() for answer in waiting]:
            if not answer.done():
                answer.set_exception(SidecarGoneError(self.stderr_text))
                answer.add_done_callback(_ignore)
        self._changed.set()

    def _destroy(self) -> None:
        self.process.destroy()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _ignore(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled():
        answer.exception()
