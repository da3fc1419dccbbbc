"""A client that sends requests at a steady rate, each on its own connection, and counts how they end."""

from __future__ import annotations

import asyncio
from typing import Self

_TIMEOUT = 60.0  # seconds for one answer


class Load:
    """Sends requests while the context is active; on leaving it every request has ended.

    Attributes:
        answered: requests with a complete answer.
        refused: requests that could not connect.
        killed: requests sent before ``excuse`` that lost their connection before an answer.
        broken: the same without that excuse.
        late: requests that timed out.
    """

    def __init__(self, port: int, rate: int, path: str = "/", body: bytes = b"}") -> None:
        """``rate``: requests per second; ``body``: how a complete answer ends."""
        self._request_text = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        self._body = body
        self.answered = self.refused = self.killed = self.broken = self.late = 0
        self._port = port
        self._interval = 1 / rate
        self._requests: set[asyncio.Task[None]] = set()
        self._excused: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        counts = ("answered", "refused", "killed", "broken", "late")
        return ", ".join(f"{name} {getattr(self, name)}" for name in counts)

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sender.cancel()
        if self._requests:
            await asyncio.wait(self._requests)

    def excuse(self) -> None:
        """Call it when the backend is killed: requests in flight may die with it. On a slow machine there are many."""
        self._excused = set(self._requests)

    async def settle(self) -> None:
        """Waits until every request sent so far has been counted."""
        await asyncio.wait(set(self._requests))

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            task = asyncio.create_task(self._request())
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)
            due += self._interval
            await asyncio.sleep(due - loop.time())

    async def _request(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._exchange()
        except TimeoutError:
            self.late += 1

    async def _exchange(self) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except ConnectionError:
            self.refused += 1
            return
        try:
            writer.write(self._request_text)
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
        if answer.startswith(b"HTTP/1.1 200") and answer.endswith(self._body):
            self.answered += 1
        elif asyncio.current_task() in self._excused:
            self.killed += 1
        else:
            self.broken += 1
