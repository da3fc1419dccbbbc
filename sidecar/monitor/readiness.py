"""When is a run ready: its own tree listens on its port, and the live endpoint answers 2xx.

A log line proves nothing: the customer's server says "ready to accept traffic" five seconds before its port opens.
"""

from __future__ import annotations

import asyncio

from ..backend.client import BackendClient
from ..backend.probe import next_knock_delay, next_probe_delay, probe
from ..core import events as e
from ..supervisor import Supervisor
from .listener import ListenerLook

_PROGRESS_INTERVAL = 1.0


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
        look: ListenerLook,
    ) -> None:
        self._run = run
        self._supervisor = supervisor
        self._client = client
        self._live_path = live_path
        self._probe_timeout = probe_timeout
        self._interval = interval
        self._look = look
        self._foreign = False
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
            port = self._port()
            if port is not None and (authentic or self._look.is_listening(port)):
                authentic = authentic or await self._is_own(port)
                if self._foreign:
                    return False
                if authentic and (not self._live_path or await self._answers()):
                    return True
                delay = next_probe_delay(now - self._started, self._interval)
            await asyncio.sleep(delay)

    def _port(self) -> int | None:
        run = self._supervisor.run
        port = run.port if run is not None else None
        if port is None:
            unfinished = self._supervisor.launcher.unfinished_port
            if unfinished is not None and self._look.owns(unfinished):
                self._supervisor.post(e.PortReported(self._run, unfinished))
                return unfinished
        return port

    async def _is_own(self, port: int) -> bool:
        """Whether the open port is the run's; not so either when it closed again meanwhile."""
        listener = await self._look.at(port)
        if listener.verdict == "foreign":
            self._foreign = True
            self._supervisor.post(e.Foreign(self._run, listener.owner))
        elif listener.verdict != "closed":
            self._supervisor.post(e.Listener(self._run, listener.verdict))
        return listener.verdict in {"own", "unknown"}

    def _progress(self, message: str) -> None:
        self._supervisor.post(e.Progress(self._run, "waiting", self._loop.time() - self._started, message))

    async def _answers(self) -> bool:
        result = await probe(self._client, self._live_path, self._probe_timeout)
        if not result.ok:
            self._supervisor.post(e.Unready(self._run, result))
        return result.ok
