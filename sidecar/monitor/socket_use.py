"""Whether a run will use the socket that it was handed (backend.socket = "pass"): one that listens by itself waits in vain."""

from __future__ import annotations

import asyncio

from ..backend.client import BackendClient
from ..backend.probe import probe
from ..core import events as e
from ..core.events import State
from ..log import log
from ..process.base import ListeningSocket
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..supervisor.run import Run, places_of
from .listener import ListenerLook

_INTERVAL = 0.5
_TIMEOUT = 2.0  # seconds: a server may open a port for metrics or a debugger first
_PROBE_TIMEOUT = 0.4
_DEBUGGER = 400  # what Node's inspector answers to a plain GET


class SocketUse:
    """Watches one run until it is ready, or until it is clear that it never will be."""

    def __init__(self, run: int, supervisor: Supervisor, settings: Settings, look: ListenerLook) -> None:
        self._run = run
        self._supervisor = supervisor
        self._path = settings.backend.live_path
        self._asks = bool(self._path) or not settings.backend.notify
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._closed_before = self._warned = False

    async def watch(self) -> None:
        """Posts SocketUnused in that case."""
        while self._supervisor.lifecycle.state is State.STARTING:
            await asyncio.sleep(_INTERVAL)
            run = self._supervisor.run
            if run is None or run.port is None or run.status is not None or _answered(run):
                continue
            closed = self._look.owns(run.port) is False
            if closed and self._closed_before:
                self._supervisor.post(e.SocketUnused(self._run, closed=True))
                return
            self._closed_before = closed
            if self._supervisor.launcher.printed_bind_failure(run) or await self._serves_elsewhere(run.port):
                elsewhere = self._look.elsewhere(run.port)
                self._supervisor.post(e.SocketUnused(self._run, listening=elsewhere))
                return

    async def _serves_elsewhere(self, port: int) -> bool:
        """Whether what is to answer on the port answers on another one, or on the same one of another address."""
        elsewhere = self._look.elsewhere(port)
        if not elsewhere:
            self._since = None
            return False
        now = self._loop.time()
        self._since = now if self._since is None else self._since
        if now - self._since < _TIMEOUT:
            return False
        if any(socket.port == port for socket in elsewhere):
            return True
        if self._asks and any(await asyncio.gather(*(self._answers(socket) for socket in elsewhere))):
            return True
        if not self._warned:
            self._warned = True
            text = f"The backend listens on {places_of(elsewhere)}, but not yet on the socket that was passed to it (port {port})"
            log.warning(text)
        return False

    async def _answers(self, socket: ListeningSocket) -> bool:
        client = BackendClient(socket.port)
        try:
            result = await probe(client, self._path or "/", _PROBE_TIMEOUT)
        finally:
            await client.close()
        return result.ok if self._path else result.status not in {None, _DEBUGGER}


def _answered(run: Run) -> bool:
    """Whether it took a connection: whatever it answered, it uses its socket."""
    return run.last_answer is not None and run.last_answer.kind != "timeout"
