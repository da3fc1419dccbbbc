"""When is a run ready: its own tree listens on its port, and the live endpoint answers 2xx.

A log line proves nothing: the customer's server says "ready to accept traffic" five seconds before its port opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from ..backend.client import BackendClient
from ..backend.probe import next_knock_delay, next_probe_delay, probe
from ..core import events as e
from ..process.base import ListeningSocket
from ..supervisor import Supervisor

_SECOND_LOOK = 0.05  # seconds; the socket table and the process table are read one after the other, so look twice
_PROGRESS_INTERVAL = 1.0
# Where a socket listens that a connection to 127.0.0.1 reaches; one on [::1] alone leaves 127.0.0.1 to anybody.
_ANSWERS_ON_LOOPBACK = frozenset({"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "*"})  # noqa: S104


class Readiness:
    """Waits for one run to be ready."""

    def __init__(
        self,
        run: int,
        supervisor: Supervisor,
        client: BackendClient,
        *,
        live_path: str,
        probe_timeout: float,
        interval: float,
        find_listener: Callable[[int], list[ListeningSocket]],
        is_listening: Callable[[int], bool],
    ) -> None:
        self._run = run
        self._supervisor = supervisor
        self._client = client
        self._live_path = live_path
        self._probe_timeout = probe_timeout
        self._interval = interval
        self._find_listener = find_listener
        self._is_listening = is_listening
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    async def wait(self) -> bool:
        """True when the run is ready, False when another program answers in its place, which is posted.

        Waits for ever: the deadline is the supervisor's.
        """
        reported = self._started
        self._progress("Waiting for the port to open")
        authentic = False
        while True:
            now = self._loop.time()
            if now - reported >= _PROGRESS_INTERVAL:
                reported = now
                self._progress("Waiting for the first good answer" if authentic else "Waiting for the port to open")
            delay = next_knock_delay(now - self._started)
            run = self._supervisor.run
            port = run.port if run is not None else None
            if port is not None and (authentic or self._is_listening(port)):
                whose = None if authentic else await self._whose(port)
                if whose == "foreign":
                    return False
                authentic = authentic or whose is not None
                if authentic and (not self._live_path or await self._answers()):
                    return True
                delay = next_probe_delay(now - self._started, self._interval)
            await asyncio.sleep(delay)

    def _progress(self, message: str) -> None:
        self._supervisor.post(e.Progress(self._run, "waiting", self._loop.time() - self._started, message))

    async def _answers(self) -> bool:
        result = await probe(self._client, self._live_path, self._probe_timeout)
        if not result.ok:
            self._supervisor.post(e.Unready(self._run, result))
        return result.ok

    async def _whose(self, port: int) -> Literal["own", "foreign", "unknown"] | None:
        """Whose the open port is; None when it closed again meanwhile, so that the next look decides."""
        for look in range(2):
            run = self._supervisor.run
            own = run.listeners() if run is not None else None
            verdict = None if own is None else any(_is_on(socket, port) for socket in own)
            if verdict is not False:
                name: Literal["own", "unknown"] = "own" if verdict else "unknown"
                self._supervisor.post(e.Listener(self._run, name))
                return name
            if look == 0:
                await asyncio.sleep(_SECOND_LOOK)
        strangers = [socket for socket in self._find_listener(port) if socket.address in _ANSWERS_ON_LOOPBACK]
        if not strangers and not self._is_listening(port):
            return None
        self._supervisor.post(e.Foreign(self._run, strangers[0] if strangers else None))
        return "foreign"


def _is_on(socket: ListeningSocket, port: int) -> bool:
    return socket.port == port and socket.address in _ANSWERS_ON_LOOPBACK
