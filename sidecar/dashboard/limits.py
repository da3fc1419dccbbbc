"""Limits the cost of connections: any program on the machine can open them, without a key."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

MAX_CONNECTIONS = 64  # a browser opens six, plus one per tab
IDLE_SECONDS = 10.0  # without a request: until the headers of the first, and between two
_LOOK_SECONDS = 2.0


class Limits:
    """Counts connections; above the limit, closes the oldest idle one (``say`` reports the first); also closes those idle too long.

    A new connection is refused only if all others have a request, so a program that keeps many idle ones open locks nobody out.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = False
        self._busy: set[asyncio.BaseProtocol] = set()
        self._closing: set[asyncio.BaseProtocol] = set()  # the server lists them until their loss is reported

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Notes which connections have a request; a WebSocket has one as long as it is open."""
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)

    def factory(self, server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
        def connect() -> asyncio.BaseProtocol:
            self._closing.intersection_update(server.connections)
            there = [one for one in server.connections if one not in self._closing]
            if len(there) < MAX_CONNECTIONS:
                return server()
            if not self._said:
                self._said = True
                self._say(f"More than {MAX_CONNECTIONS} connections to the dashboard: the oldest idle ones are closed.")
            idle = next((one for one in there if one not in self._busy), None)
            if idle is None:
                return _Refused()
            self._closing.add(idle)
            _abort(idle)
            return server()

        return connect

    async def keep(self, server: web.Server) -> None:
        loop = asyncio.get_running_loop()
        since: dict[asyncio.BaseProtocol, float] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            idle = [one for one in server.connections if one not in self._busy]
            since = {one: since.get(one, loop.time()) for one in idle}
            for one, begin in since.items():
                if loop.time() - begin >= IDLE_SECONDS:
                    _abort(one)


def _abort(connection: asyncio.BaseProtocol) -> None:
    transport = cast("asyncio.Transport | None", connection.transport)  # type: ignore[attr-defined]
    if transport is not None:
        transport.abort()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()
