"""One set of watching tasks per run, begun and ended by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..backend.client import BackendClient
from ..backend.probe import ProbeResult, probe, significant
from ..core.health import Answer, HealthTracker
from ..process.base import ListeningSocket
from ..process.platform import monotonic_through_sleep
from ..process.platform.ports import is_listening
from ..settings.model import Settings
from ..wire.messages import HealthResult
from .base import MonitorSink, Watched
from .readiness import Readiness

__all__ = ["Monitor", "MonitorSink", "Watched"]

PROVIDER_TIMEOUT = 10.0  # seconds, as for backend:providerStatus (renderer contract)
EXPOSURE_INTERVAL = 60.0  # seconds between looks at the listening sockets of the tree


class Monitor:
    """Watches the newest run."""

    def __init__(
        self,
        settings: Settings,
        client: BackendClient,
        sink: MonitorSink,
        *,
        find_listener: Callable[[int], list[ListeningSocket]],
    ) -> None:
        self._settings = settings
        self._client = client
        self._sink = sink
        self._find_listener = find_listener
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._run: Watched | None = None
        self._tracker = self._new_tracker()
        self._providers: Any = None

    @property
    def healthy(self) -> bool | None:
        """The status of the run being watched; None before its first check."""
        return self._tracker.healthy

    def begin(self, run: Watched) -> None:
        """Watches ``run`` from its launch on."""
        self.end()
        self._run = run
        self._tracker = self._new_tracker()
        self._begin(self._watch(run))

    def end(self) -> None:
        """Stops asking; a run that is being stopped answers as it likes."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def died(self) -> None:
        """The run ended: whoever did not see it unhealthy is told."""
        self.end()
        run, self._run = self._run, None
        if run is not None and self._tracker.healthy is not False:
            self._tracker.healthy = False
            self._sink.health(run, HealthResult(status="unhealthy", error="socket hang up"))

    def suspended(self) -> None:
        """The machine slept, or will: silence so far counts for nothing."""
        self._tracker.suspended()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A watch that ended by an exception watches no more: nobody awaits it, so the loop tells of it."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler({"message": "a watch over the backend ended", "exception": error})

    def _new_tracker(self) -> HealthTracker:
        health, interval = self._settings.health, self._settings.timeouts.health_interval
        return HealthTracker(interval=interval, failures=health.failures, successes=health.successes)

    async def _watch(self, run: Watched) -> None:
        started = self._loop.time()
        readiness = Readiness(
            run,
            self._sink,
            self._client,
            live_path=self._settings.backend.live_path,
            probe_timeout=self._settings.health.probe_timeout,
            interval=self._settings.timeouts.health_interval,
            find_listener=self._find_listener,
        )
        if not await readiness.wait():
            self._sink.foreign(run)
            return
        self._sink.progress("ready", self._loop.time() - started, "The backend is ready")
        self._begin_steady_watch(run)
        self._sink.ready(run)

    def _begin_steady_watch(self, run: Watched) -> None:
        backend = self._settings.backend
        if backend.health_path or backend.live_path:
            self._begin(self._watch_health(run, backend.health_path or backend.live_path))
        elif not backend.managed:
            self._begin(self._watch_port(run))
        if backend.providers_path:
            self._begin(self._watch_providers(backend.providers_path))
        self._begin(self._watch_exposure(run))

    async def _watch_health(self, run: Watched, path: str) -> None:
        interval = self._settings.timeouts.health_interval
        planned = self._loop.time()
        due = monotonic_through_sleep()
        while True:
            self._tracker.begin(monotonic_through_sleep(), due)
            result = await probe(self._client, path, self._settings.health.probe_timeout)
            if self._tracker.record(_answer(result)):
                self._sink.health(run, _health_result(result, healthy=self._tracker.healthy is True))
            if self._tracker.hung:
                self._sink.hung(run)
            planned = max(planned + interval, self._loop.time())
            wait = planned - self._loop.time()
            due = monotonic_through_sleep() + wait
            await asyncio.sleep(wait)

    async def _watch_port(self, run: Watched) -> None:
        """Of somebody else's backend without any endpoint, the open port is all that tells whether it lives."""
        misses = 0
        while True:
            await asyncio.sleep(self._settings.timeouts.health_interval)
            misses = 0 if run.port is not None and is_listening(run.port) else misses + 1
            if misses >= self._settings.health.failures:
                self._sink.hung(run)

    async def _watch_providers(self, path: str) -> None:
        volatile = self._settings.backend.volatile_keys
        while True:
            result = await probe(self._client, path, PROVIDER_TIMEOUT)
            if result.ok:
                body = significant(result.body, volatile)
                if body != self._providers:
                    self._providers = body
                    self._sink.provider(result.body)
            await asyncio.sleep(self._settings.health.provider_interval)

    async def _watch_exposure(self, run: Watched) -> None:
        known: set[ListeningSocket] = set()
        while True:
            exposed = {socket for socket in run.listeners() or () if not _is_loopback(socket.address)}
            if exposed != known:
                known = exposed
                self._sink.exposed(run, sorted(exposed, key=lambda socket: (socket.port, socket.address)))
            await asyncio.sleep(EXPOSURE_INTERVAL)


def _answer(result: ProbeResult) -> Answer:
    if result.ok:
        return Answer.OK
    return Answer.NONE if result.status is None else Answer.ERROR_STATUS


def _health_result(result: ProbeResult, *, healthy: bool) -> HealthResult:
    if healthy:
        return HealthResult(status="healthy", data=result.body)
    return HealthResult(status="unhealthy", error=result.error)


def _is_loopback(address: str) -> bool:
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"
