"""Detects a run that will never use the passed socket (backend.socket = "pass") because it opens its own."""

import asyncio
import math
from collections.abc import Sequence

from ..backend.probe import DEBUGGER, probe_port
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


async def watch_socket_use(number: int, supervisor: Supervisor, settings: Settings, look: ListenerLook) -> None:
    """Watches until the run is ready; posts SocketUnused once it is clear that it never will be."""
    loop = asyncio.get_running_loop()
    since = math.inf  # when it was seen listening elsewhere
    closed_before = warned = False
    while supervisor.lifecycle.state is State.STARTING:
        await asyncio.sleep(_INTERVAL)
        run = supervisor.run
        if run is None or run.port is None or run.status is not None or _answered(run):
            continue
        closed = look.owns(run.port) is False
        if closed and closed_before:
            supervisor.post(e.SocketUnused(number, closed=True))
            return
        closed_before = closed
        elsewhere = look.elsewhere(run.port)
        since = min(since, loop.time()) if elsewhere else math.inf
        late = loop.time() - since >= _TIMEOUT
        if supervisor.launcher.printed_bind_failure(run) or (late and await _serves(elsewhere, run.port, settings)):
            supervisor.post(e.SocketUnused(number, listening=look.elsewhere(run.port)))
            return
        if late and not warned:
            warned = True
            log.warning(
                f"The backend listens on {places_of(elsewhere)}, but not yet on the socket that was passed to it (port {run.port})"
            )


async def _serves(elsewhere: Sequence[ListeningSocket], port: int, settings: Settings) -> bool:
    """Whether the endpoint answers on another port, or the run listens on the same port of another address."""
    if any(socket.port == port for socket in elsewhere):
        return True
    backend = settings.backend
    asks = bool(backend.live_path) or not backend.notify
    return asks and any(await asyncio.gather(*(_answers(socket.port, backend.live_path) for socket in elsewhere)))


async def _answers(port: int, path: str) -> bool:
    result = await probe_port(port, path or "/", _PROBE_TIMEOUT)
    return result.ok if path else result.status not in {None, DEBUGGER}


def _answered(run: Run) -> bool:
    """Whether it accepted a connection: then it uses its socket, whatever it answered."""
    return run.last_answer is not None and run.last_answer.kind != "timeout"
