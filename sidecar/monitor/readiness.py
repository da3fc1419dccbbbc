"""When is a run ready: its own tree listens on its port, and the live endpoint answers 2xx.

A log line proves nothing: the customer's server says "ready to accept traffic" five seconds before its port opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from ..backend.client import BackendClient
from ..backend.probe import next_knock_delay, next_probe_delay, probe
from ..process.base import ListeningSocket
from ..process.platform.ports import is_listening
from .base import MonitorSink, Watched

_SECOND_LOOK = 0.05  # seconds; the socket table and the process table are read one after the other, so look twice
_PROGRESS_INTERVAL = 1.0
# Where a socket listens that a connection to 127.0.0.1 reaches; one on [::1] alone leaves 127.0.0.1 to anybody.
_ANSWERS_ON_LOOPBACK = frozenset({"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "*"})  # noqa: S104


class Readiness:
    """Waits for one run to be ready."""

    def __init__(
        self,
        run: Watched,
        sink: MonitorSink,
        client: BackendClient,
        *,
        live_path: str,
        probe_timeout: float,
        interval: float,
        find_listener: Callable[[int], list[ListeningSocket]],
    ) -> None:
        self._run = run
        self._sink = sink
        self._client = client
        self._live_path = live_path
        self._probe_timeout = probe_timeout
        self._interval = interval
        self._find_listener = find_listener
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    async def wait(self) -> bool:
        """True when the run is ready, False when a stranger answers in its place. Waits for ever: the deadline is elsewhere."""
        told = self._started
        self._sink.progress("waiting", 0.0, "Waiting for the port to open")
        authentic = False
        while True:
            now = self._loop.time()
            if now - told >= _PROGRESS_INTERVAL:
                told = now
                self._sink.progress("waiting", now - self._started, self._what(authentic))
            delay = next_knock_delay(now - self._started)
            port = self._run.port
            if port is not None and (authentic or is_listening(port)):
                whose = None if authentic else await self._whose(port)
                if whose == "foreign":
                    return False
                authentic = authentic or whose is not None
                if authentic and (not self._live_path or await self._answers()):
                    return True
                delay = next_probe_delay(now - self._started, self._interval)
            await asyncio.sleep(delay)

    def _what(self, authentic: bool) -> str:
        return "Waiting for the first good answer" if authentic else "Waiting for the port to open"

    async def _answers(self) -> bool:
        result = await probe(self._client, self._live_path, self._probe_timeout)
        if not result.ok:
            self._sink.unready(self._run, result)
        return result.ok

    async def _whose(self, port: int) -> Literal["own", "foreign", "unknown"] | None:
        """Whose the open port is; None when it closed again meanwhile, so that the next knock has to tell."""
        for look in range(2):
            own = self._run.listeners()
            if own is None:
                self._sink.listener(self._run, "unknown", None)
                return "unknown"
            if any(socket.port == port and socket.address in _ANSWERS_ON_LOOPBACK for socket in own):
                self._sink.listener(self._run, "own", None)
                return "own"
            if look == 0:
                await asyncio.sleep(_SECOND_LOOK)
        strangers = [socket for socket in self._find_listener(port) if socket.address in _ANSWERS_ON_LOOPBACK]
        if not strangers and not is_listening(port):
            return None
        self._sink.listener(self._run, "foreign", strangers[0] if strangers else None)
        return "foreign"
