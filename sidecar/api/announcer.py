"""From what happens to the backend to notifications and log entries."""

from __future__ import annotations

from ..core import events as e
from ..core.events import State
from ..log import log
from ..rpc.server import Server
from ..supervisor import Supervisor
from ..wire.messages import Exposed, ExposedSocket, HealthResult, StartupProgress, StateChanged


class Announcer:
    """Subscribes to what a client is notified of, but for crashes and resources, which the recorder knows."""

    def __init__(self, server: Server, supervisor: Supervisor, *, startup_limit: float | None) -> None:
        """``startup_limit``: time limit of a start in seconds; None: no limit."""
        self._server = server
        self._startup_limit = startup_limit
        stream = supervisor.stream
        stream.subscribe(StateChanged, self._changed)
        stream.subscribe(e.Progress, self._progress)
        stream.subscribe(e.Health, self._health)
        stream.subscribe(e.Providers, lambda providers: server.notify("backend:providerUpdate", providers.body))
        stream.subscribe(e.Exposed, self._exposed)

    def _changed(self, change: StateChanged) -> None:
        log.info(f"{change.previous} → {change.state} ({change.reason})", port=change.port, pid=change.pid)
        self._server.notify("backend:stateChanged", change)
        if change.state == State.STARTING:
            self._progress(e.Progress(0, "spawning", 0.0, "Starting the backend's process"))

    def _progress(self, progress: e.Progress) -> None:
        payload = StartupProgress(progress.phase, round(progress.elapsed, 3), progress.message, self._startup_limit)
        self._server.notify("backend:startupProgress", payload)

    def _health(self, health: e.Health) -> None:
        result = health_result(health)
        log.info(f"the backend is {result.status}", error=result.error or "")
        self._server.notify("backend:healthUpdate", result)

    def _exposed(self, exposed: e.Exposed) -> None:
        if exposed.sockets:
            where = ", ".join(f"{address}:{port}" for address, port, _ in exposed.sockets)
            log.warning(f"other machines can reach the backend on {where}")
        self._server.notify("backend:exposed", Exposed(sockets=[ExposedSocket(*each) for each in exposed.sockets]))


def health_result(health: e.Health) -> HealthResult:
    """The health as the wire has it."""
    if health.healthy:
        return HealthResult(status="healthy", data=health.body)
    return HealthResult(status="unhealthy", error=health.error)
