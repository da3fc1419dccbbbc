"""Monitors the health of a ready run: by its endpoint, without one by its socket, or, if unmanaged, by its open port."""

import asyncio
import math

from msgspec import field

from ..backend.probe import ProbeResult, probe
from ..backend.reported import prints_only_https
from ..core import events as e
from ..core.health import Answer, HealthTracker
from ..log import log
from ..process.platform import monotonic_through_sleep
from ..process.sockets import waiting_on
from ..settings.checks import UNSAFE_PORTS, configured_port, describe_unsafe
from ..settings.model import Backend
from ..supervisor.stream import HealthAnswered
from ..supervisor.unready import what_it_says
from .readiness import LAST_OUTPUT, RunWatch

_FIRST_CHECK = 0.5  # seconds after it was ready; by then it has printed its address


class HealthWatch(RunWatch, eq=False):
    """``_given``: the port that the run was given; None if it chose one."""

    _given: int | None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _tracker: HealthTracker | None = None

    def suspended(self) -> None:
        """The machine slept, or will sleep: failed checks so far do not count."""
        if self._tracker is not None:
            self._tracker.suspended()

    async def watch(self) -> None:
        backend = self._settings.backend
        if path := backend.health_path or backend.live_path:
            await self._watch_endpoint(path)
        elif backend.managed:
            await self._watch_socket()
        else:
            await self._watch_open_port()

    async def _watch_endpoint(self, path: str) -> None:
        health, interval = self._settings.health, self._settings.timeouts.health_interval
        tracker = self._tracker = HealthTracker(interval=interval, failures=health.failures, successes=health.successes)
        planned = self._loop.time()
        due = monotonic_through_sleep()
        lost = ""
        while True:
            tracker.begin(monotonic_through_sleep(), due)
            hung = self._watchdog_says()
            before, lost = lost, hung or await self._lost_port()
            if lost:
                answer, body, error = Answer.LOST, None, lost
            elif self._is_stopping():
                answer, body, error = Answer.UNKNOWN, None, ""
            else:
                began = self._loop.time()
                result = await probe(self._client, path, self._settings.health.probe_timeout)
                if result.ok:
                    self._supervisor.stream.publish(HealthAnswered(self._loop.time() - began))
                answer, body, error = _answer(result), result.body, result.error
                if answer is Answer.NONE:
                    error = self._obstacle() or error
            if tracker.record(answer) or (lost and before and lost != before):  # first closed, then another program's
                healthy = tracker.healthy is True
                error = self._with_its_words(error) if lost else error
                self._supervisor.post(e.Health(self._run, healthy, body if healthy else None, error))
            if hung or tracker.hung:
                self._supervisor.post(e.Hung(self._run, hung, lost))
            planned = max(planned + interval, self._loop.time())
            wait = planned - self._loop.time()
            due = monotonic_through_sleep() + wait
            await asyncio.sleep(wait)

    async def _watch_socket(self) -> None:
        """Watches a backend without an endpoint: only its port shows its health."""
        lost = https = ""
        misses = 0  # of the port, in a row
        since = math.inf  # when connections were first seen to wait
        limit = self._settings.health.failures * self._settings.health.probe_timeout  # as for unanswered requests
        interval = self._settings.timeouts.health_interval
        await asyncio.sleep(min(interval, _FIRST_CHECK))
        while True:
            hung = self._watchdog_says()
            error = hung or await self._lost_port()
            misses = misses + 1 if error and not self._is_stopping() else 0
            since = min(since, self._loop.time()) if not error and self._has_waiting_connections() else math.inf
            if self._loop.time() - since >= limit:
                error = "it does not accept the connections that wait on its port"
                misses = self._settings.health.failures
            unreached = error if misses >= self._settings.health.failures else ""
            error = error or self._obstacle()
            if not error:
                error = https = https or await self._speaks_https()
            if error != lost:
                lost = error
                self._supervisor.post(e.Health(self._run, not error, None, self._with_its_words(error)))
            if hung or unreached:
                self._supervisor.post(e.Hung(self._run, hung, unreached))
            await asyncio.sleep(interval)

    def _obstacle(self) -> str:
        """Returns what keeps the run from answering; empty: nothing is seen."""
        run = self._supervisor.run
        obstacle = run.obstacle_now() if run is not None and not self._is_stopping() else None
        return f"{obstacle.cause}. {obstacle.remedy}" if obstacle is not None else ""

    def _with_its_words(self, error: str) -> str:
        """Adds the error that was printed since it was ready: a watcher of files outlives its server, and waits for a change."""
        run = self._supervisor.run
        if not error or run is None or run.ready_at is None or run.listener == "foreign":
            return error
        try:
            from ..core.last_line import quote_last  # not needed while it is healthy

            printed = self._supervisor.launcher.last_output(LAST_OUTPUT, after=run.before_ready)
            said, cause = quote_last(printed, only_errors=True), what_it_says(printed, run.port)
        except (OSError, ImportError):  # out of descriptors to import them, or an update has removed them
            return error
        known = f"{cause.cause} {cause.remedy}" if cause is not None else ""
        return f"{error.rstrip('.')}; {said.rstrip('.')}. {known}".rstrip() if said else error

    def _has_waiting_connections(self) -> bool:
        """Whether connections wait to be accepted, say by a reloader without its worker."""
        port = self._supervisor.last_port
        return port is not None and not self._is_stopping() and bool(waiting_on(port))

    async def _speaks_https(self) -> str:
        """Returns the mistake if the backend prints an HTTPS address and does not answer HTTP; else empty."""
        port = self._supervisor.last_port
        if port is None or not prints_only_https(self._supervisor.launcher.last_output(LAST_OUTPUT), port):
            return ""
        result = await probe(self._client, "/", self._settings.health.probe_timeout)
        if result.kind not in {"malformed", "hang_up"}:
            return ""
        return f"it speaks HTTPS on port {port}; make it listen on http://127.0.0.1:{port}, which the page uses"

    def _watchdog_says(self) -> str:
        """Returns why the run hangs according to its own watchdog; empty: it does not hang, or has no watchdog."""
        return self._notifications.hung() if self._notifications is not None and not self._is_stopping() else ""

    def _is_stopping(self) -> bool:
        """Whether it is shutting down by itself: then silence is not a hang, for as long as a stop may take."""
        limit = self._settings.timeouts.graceful_shutdown
        return self._notifications is not None and self._notifications.is_stopping(limit)

    async def _lost_port(self) -> str:
        """Returns why the run cannot be reached on its port; empty if it can. Nothing may be sent to another program there."""
        current = self._supervisor.run
        port = current.port if current is not None else None
        if port is None or not self._settings.backend.managed:
            return ""
        if self._given not in {None, port} and self._given in self._look.ports():
            self._use_port(self._given)  # the port that it opened first was not its server's, but for metrics, say
            return ""
        verdict, owner = await self._look.at(port)
        passed = self._settings.backend.socket == "pass"
        if verdict == "closed" and not passed:
            # The backend listens again, after its own watcher or an update restarted it, and has printed its new address.
            printed = self._supervisor.launcher.printed_port(self._look.ports() - {port})
            if printed is not None:
                self._use_port(printed)
                return ""
        known = "unknown" if verdict == "closed" else verdict
        current = self._supervisor.run
        now = (known, None, owner and owner.pid) if known == "own" else (known, owner, current and current.server)
        if current is None or (current.listener, current.owner, current.server) != now:
            self._supervisor.post(e.Listener(self._run, known, owner))
            current = self._supervisor.run
        if verdict == "foreign" and current is not None:
            return f"port {port} belongs to {current.owner_text}"
        return f"it no longer listens on port {port}" if verdict == "closed" else ""

    def _use_port(self, port: int) -> None:
        warn_of_port(port, self._settings.backend)
        self._supervisor.post(e.PortReported(self._run, port))
        self._supervisor.post(e.Listener(self._run, "own"))

    async def _watch_open_port(self) -> None:
        """Watches an unmanaged backend without an endpoint: the open port is its only sign of life."""
        misses = 0
        while True:
            await asyncio.sleep(self._settings.timeouts.health_interval)
            port = self._supervisor.last_port
            misses = 0 if port is not None and self._look.is_listening(port) else misses + 1
            if misses >= self._settings.health.failures:
                self._supervisor.post(e.Hung(self._run))


def warn_of_port(port: int | None, backend: Backend) -> None:
    """Warns about an unsafe port that the backend chose; a fixed one was checked with the settings."""
    if port in UNSAFE_PORTS and port != configured_port(backend):
        log.warning(f"{describe_unsafe(port)}; let the backend choose another one")


def _answer(result: ProbeResult) -> Answer:
    if result.ok:
        return Answer.OK
    if result.kind == "not_sent":
        return Answer.UNKNOWN
    return Answer.NONE if result.status is None else Answer.ERROR_STATUS
