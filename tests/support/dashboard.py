"""A real ``sidecar dashboard``, and a client that replaces its page in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.support.launch import clean_environment, sidecar_command, toml_value

LIMIT = 60.0
PROTOCOL = "sidecar.dashboard.1"


class Dashboard:
    """The command's process; ``out`` and ``err`` are the lines that it wrote."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            asyncio.create_task(self._read(process.stdout, self.out)),
            asyncio.create_task(self._read(process.stderr, self.err)),
        ]

    @property
    def addresses(self) -> list[str]:
        """Every address that the command printed, the newest last."""
        return [found[0] for line in self.out if (found := re.search(r"http://\S+#token=\S+", line))]

    @property
    def token(self) -> str:
        return self.addresses[-1].rpartition("=")[2]

    @property
    def origin(self) -> str:
        return self.addresses[-1].rpartition("/")[0]

    async def until(self, condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(LIMIT):
            while not (value := condition()):
                if self.process.returncode is not None:
                    raise AssertionError(f"ended with {self.process.returncode}: {self.out} {self.err}")
                await asyncio.sleep(0.01)
        return value

    async def ended(self) -> int:
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*self._readers)
            return await self.process.wait()

    async def key(self, session: aiohttp.ClientSession) -> str:
        """Exchanges the newest token for a key."""
        known = len(self.addresses)
        headers = {"Authorization": f"Bearer {self.token}", "Origin": self.origin}
        async with session.post(f"{self.origin}/session", headers=headers) as answer:
            assert answer.status == 200
            key: str = (await answer.json())["key"]
        await self.until(lambda: len(self.addresses) > known)
        return key

    @asynccontextmanager
    async def page(self, session: aiohttp.ClientSession, key: str) -> AsyncIterator[Page]:
        """Opens one tab."""
        socket = await session.ws_connect(
            f"{self.origin}/socket", protocols=(PROTOCOL, f"key.{key}"), origin=self.origin, max_msg_size=0
        )
        page = Page(socket)
        try:
            yield page
        finally:
            await socket.close()

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream
        while line := await stream.readline():
            lines.append(line.decode(errors="replace").rstrip())


class Page:
    """The messages of one tab, in order of arrival."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Any] = []
        self._last_id = 0

    async def next(self) -> Any:
        """Waits for one more frame."""
        frame = await self.socket.receive(LIMIT)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        self.seen += [json.loads(line) for line in frame.data.split("\n")]

    async def until(self, wanted: Callable[[Any], Any]) -> Any:
        """Returns the first wanted message among the received and future ones."""
        at = 0
        async with asyncio.timeout(LIMIT):
            while True:
                for message in self.seen[at:]:
                    if wanted(message):
                        return message
                at = len(self.seen)
                await self.next()

    async def hello(self) -> Any:
        return await self.until(lambda message: message["type"] == "hello")

    async def say(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def ask(self, channel: str, *args: Any, number: int | None = None) -> Any:
        """Sends a request and returns the answer, a response or an error."""
        if number is None:
            self._last_id += 1
            number = self._last_id
        await self.say(type="request", id=number, channel=channel, args=args)
        return await self.until(lambda message: message["type"] in {"response", "error"} and message["id"] == number)

    async def result(self, channel: str, *args: Any) -> Any:
        answer = await self.ask(channel, *args)
        assert answer["type"] == "response", answer
        return answer["result"]

    def forget(self) -> Self:
        """Drops the messages received so far."""
        self.seen.clear()
        return self


@asynccontextmanager
async def dashboard(
    data: Path,
    backend: Sequence[str],
    *words: str,
    settings: dict[str, Any] | None = None,
    ready: bool = True,
    browser: str | None = None,
) -> AsyncIterator[Dashboard]:
    """Runs the command, and kills it if the test has not ended it; ``browser`` is the program that Python's webbrowser runs."""
    values = {"paths.data": str(data), **(settings or {})}
    pairs = [word for name, value in values.items() for word in ("--set", f"{name}={toml_value(value)}")]
    process = await asyncio.create_subprocess_exec(
        *sidecar_command(),
        "dashboard",
        *([] if browser else ["--no-open"]),
        *words,
        *pairs,
        *(["--", *backend] if backend else []),
        env=clean_environment({"BROWSER": browser}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **({} if sys.platform == "win32" else {"start_new_session": True}),
    )
    running = Dashboard(process)
    try:
        if ready:
            await running.until(lambda: running.addresses)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ended()
