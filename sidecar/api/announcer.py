"""Turns what happens to the backend into notifications and log entries."""

from ..core import events as e
from ..core.events import State
from ..log import log
from ..rpc.server import Server
from ..supervisor.run import places_of
from ..supervisor.stream import Stream
from ..wire.messages import ExposedSocket, HealthResult
from ..wire.observe import Exposed, StartupProgress, StateChanged


def announce(server: Server, stream: Stream, *, startup_limit: float | None) -> None:
    """Subscribes to what a client is notified of, except what recorder.py handles. ``startup_limit``: seconds; None: no limit."""

    def changed(change: StateChanged) -> None:
        log.info(f"{change.previous} → {change.state} ({change.reason})", port=change.port, pid=change.pid)
        server.notify("backend:stateChanged", change)
        if change.state == State.STARTING:
            progress(e.Progress(0, "spawning", 0.0, "Starting the backend's process"))

    def progress(step: e.Progress) -> None:
        payload = StartupProgress(step.phase, round(step.elapsed, 3), step.message, startup_limit)
        server.notify("backend:startupProgress", payload)

    def health(change: e.Health) -> None:
        result = health_result(change)
        log.info(f"the backend is {result.status}", error=result.error or "")
        server.notify("backend:healthUpdate", result)

    def exposed(change: e.Exposed) -> None:
        if change.sockets:
            log.warning(f"other machines can reach the backend on {places_of(change.sockets)}")
        server.notify("backend:exposed", Exposed(sockets=[ExposedSocket(*each[:3]) for each in change.sockets]))

    stream.subscribe(StateChanged, changed)
    stream.subscribe(e.Progress, progress)
    stream.subscribe(e.Health, health)
    stream.subscribe(e.Providers, lambda providers: server.notify("backend:providerUpdate", providers.body))
    stream.subscribe(e.Exposed, exposed)


def health_result(health: e.Health) -> HealthResult:
    if health.healthy:
        return HealthResult(status="healthy", data=health.body)
    return HealthResult(status="unhealthy", error=health.error)
