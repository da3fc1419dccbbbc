"""One set of watching tasks per run."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..backend.client import BackendClient
from ..backend.probe import ProbeResult, probe, significant
from ..backend.reported import prints_only_https
from ..core import events as e
from ..core.health import Answer, HealthTracker
from ..log import log
from ..process import waiting_on
from ..process.base import ListeningSocket
from ..process.platform import monotonic_through_sleep
from ..process.platform.ports import is_listening
from ..settings.checks import configured_port
from ..settings.model import Settings
from ..settings.unsafe_ports import UNSAFE_PORTS, describe_unsafe
from ..supervisor import Supervisor
from ..supervisor.stream import HealthAnswered, RunEnded, RunEnding, RunStarted
from .listener import ListenerLook
from .readiness import Readiness

if TYPE_CHECKING:
    from .notifications import Notifications

PROVIDER_TIMEOUT = 10.0  # seconds, as for backend:providerStatus (renderer contract)
_FIRST_CHECK = 0.5  # seconds after it was ready, when it has printed its address
_LAST_OUTPUT = 8 * 1024  # bytes
EXPOSURE_INTERVAL = 60.0  # seconds between looks at the listening sockets of the tree


class Monitor:
    """Watches the newest run, and posts what it sees to the supervisor."""

    def __init__(
        self,
        settings: Settings,
        client: BackendClient,
        supervisor: Supervisor,
        *,
        find_listener: Callable[[int], list[ListeningSocket]],
        is_listening: Callable[[int], bool] = is_listening,
        notifications: Notifications | None = None,
    ) -> None:
        self._settings = settings
        self._client = client
        self._supervisor = supervisor
        self._notifications = notifications
        self._look = ListenerLook(supervisor, find_listener, is_listening, settings.backend)
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._tracker = self._new_tracker()
        self._providers: Any = None
        self._given: int | None = None  # the port that the newest run was given; None where it chose one
        supervisor.stream.subscribe(RunStarted, self._begin)
        supervisor.stream.subscribe(RunEnding, lambda _notice: self.close())
        supervisor.stream.subscribe(RunEnded, lambda _notice: self.close())

    def close(self) -> None:
        """Stops asking; a run that is being stopped answers as it likes."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def suspended(self) -> None:
        """The machine slept, or will: silence so far counts for nothing."""
        self._tracker.suspended()

    def _begin(self, notice: RunStarted) -> None:
        self.close()
        self._tracker = self._new_tracker()
        self._spawn(self._watch(notice.run.number))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A watch that ended by an exception watches no more; nothing awaits it, so the loop reports it."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler({"message": "a monitor of the backend stopped", "exception": error})

    def _new_tracker(self) -> HealthTracker:
        health, interval = self._settings.health, self._settings.timeouts.health_interval
        return HealthTracker(interval=interval, failures=health.failures, successes=health.successes)

    async def _watch(self, run: int) -> None:
        started = self._loop.time()
        readiness = Readiness(run, self._supervisor, self._client, self._settings, self._look, self._notifications)
        if self._settings.backend.socket == "pass":
            from .socket_use import watch_socket_use

            self._spawn(watch_socket_use(run, self._supervisor, self._settings, self._look))
        if not await readiness.wait():
            return
        self._given = readiness.given
        if self._notifications is not None:
            self._notifications.begin_watch()
        self._warn_of_port(self._supervisor.last_port)
        self._supervisor.post(e.Progress(run, "ready", self._loop.time() - started, "The backend is ready"))
        self._supervisor.post(e.Ready(run))
        if self._tasks:  # else the run was ended in response
            self._begin_steady_watch(run)  # after the answer: its first look takes longer than that

    def _warn_of_port(self, port: int | None) -> None:
        """Of one that the backend chose; a warning about a fixed one came with the settings."""
        if port in UNSAFE_PORTS and port != configured_port(self._settings.backend):
            log.warning(f"{describe_unsafe(port)}; let the backend choose another one")

    def _begin_steady_watch(self, run: int) -> None:
        backend = self._settings.backend
        if backend.health_path or backend.live_path:
            self._spawn(self._watch_health(run, backend.health_path or backend.live_path))
        else:
            self._spawn(self._watch_port(run) if not backend.managed else self._watch_listener(run))
        if backend.providers_path:
            self._spawn(self._watch_providers(run, backend.providers_path))
        self._spawn(self._watch_exposure(run))

    async def _watch_health(self, run: int, path: str) -> None:
        interval = self._settings.timeouts.health_interval
        planned = self._loop.time()
        due = monotonic_through_sleep()
        lost = ""
        while True:
            self._tracker.begin(monotonic_through_sleep(), due)
            hung = self._watchdog_says()
            before, lost = lost, hung or await self._lost_port(run)
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
            if self._tracker.record(answer) or (lost and before and lost != before):  # first closed, then a stranger's
                healthy = self._tracker.healthy is True
                self._supervisor.post(e.Health(run, healthy, body if healthy else None, error))
            if hung or self._tracker.hung:
                self._supervisor.post(e.Hung(run, hung))
            planned = max(planned + interval, self._loop.time())
            wait = planned - self._loop.time()
            due = monotonic_through_sleep() + wait
            await asyncio.sleep(wait)

    async def _watch_listener(self, run: int) -> None:
        """Of a backend without any endpoint, only what becomes of its port says something about its health."""
        lost = https = ""
        since = math.inf  # when connections were first seen to wait
        limit = self._settings.health.failures * self._settings.health.probe_timeout  # as of unanswered requests
        interval = self._settings.timeouts.health_interval
        await asyncio.sleep(min(interval, _FIRST_CHECK))
        while True:
            hung = self._watchdog_says()
            error = hung or await self._lost_port(run)
            since = min(since, self._loop.time()) if not error and self._lets_wait() else math.inf
            if self._loop.time() - since >= limit:
                error = "it does not accept the connections that wait on its port"
            error = error or self._obstacle()
            if not error and self._settings.backend.managed:
                error = https = https or await self._speaks_https()
            if error != lost:
                lost = error
                self._supervisor.post(e.Health(run, not error, None, error))
            if hung:
                self._supervisor.post(e.Hung(run, hung))
            await asyncio.sleep(interval)

    def _obstacle(self) -> str:
        """What keeps the run from answering; empty: nothing is seen."""
        run = self._supervisor.run
        obstacle = run.obstacle_now() if run is not None and not self._is_stopping() else None
        return f"{obstacle.cause}. {obstacle.remedy}" if obstacle is not None else ""

    def _lets_wait(self) -> bool:
        """Whether connections wait to be accepted: by a reloader without its worker, say."""
        port = self._supervisor.last_port
        return port is not None and not self._is_stopping() and waiting_on(port) > 0

    async def _speaks_https(self) -> str:
        """What is wrong with a backend that prints an address of HTTPS and does not answer HTTP; empty: nothing is."""
        port = self._supervisor.last_port
        if port is None or not prints_only_https(self._supervisor.launcher.last_output(_LAST_OUTPUT), port):
            return ""
        result = await probe(self._client, "/", self._settings.health.probe_timeout)
        if result.kind not in {"malformed", "hang_up"}:
            return ""
        return f"it speaks HTTPS on port {port}; make it listen on http://127.0.0.1:{port}, which the page uses"

    def _watchdog_says(self) -> str:
        """Why the run hangs by its own watchdog; empty: it does not, or has none."""
        return self._notifications.hung() if self._notifications is not None and not self._is_stopping() else ""

    def _is_stopping(self) -> bool:
        """Whether it is shutting down by itself: then its silence is not a hang, for as long as a stop may take."""
        limit = self._settings.timeouts.graceful_shutdown
        return self._notifications is not None and self._notifications.is_stopping(limit)

    async def _lost_port(self, run: int) -> str:
        """Why the run cannot be reached on its port; empty where it can. Nothing may be sent to another program there."""
        current = self._supervisor.run
        port = current.port if current is not None else None
        if port is None or not self._settings.backend.managed:
            return ""
        if self._given not in {None, port} and self._given in self._look.ports():
            self._use_port(run, self._given)  # what it opened first, such as a port for metrics, was not its server's
            return ""
        verdict, owner = await self._look.at(port)
        passed = self._settings.backend.socket == "pass"
        if verdict == "closed" and not passed:
            # A backend printed its address when it listened again, as its own watcher or an update makes it.
            printed = self._supervisor.launcher.printed_port(self._look.ports() - {port})
            if printed is not None:
                self._use_port(run, printed)
                return ""
        known = "unknown" if verdict == "closed" else verdict
        current = self._supervisor.run
        if current is None or (current.listener, current.owner) != (known, owner):
            self._supervisor.post(e.Listener(run, known, owner))
            current = self._supervisor.run
        if verdict == "foreign" and current is not None:
            return f"port {port} belongs to {current.owner_text}"
        return f"it no longer listens on port {port}" if verdict == "closed" else ""

    def _use_port(self, run: int, port: int) -> None:
        self._warn_of_port(port)
        self._supervisor.post(e.PortReported(run, port))
        self._supervisor.post(e.Listener(run, "own"))

    async def _watch_port(self, run: int) -> None:
        """Of an unmanaged backend without any endpoint, the open port is the only sign of life."""
        misses = 0
        while True:
            await asyncio.sleep(self._settings.timeouts.health_interval)
            port = self._supervisor.last_port
            misses = 0 if port is not None and self._look.is_listening(port) else misses + 1
            if misses >= self._settings.health.failures:
                self._supervisor.post(e.Hung(run))

    async def _watch_providers(self, run: int, path: str) -> None:
        volatile = self._settings.backend.volatile_keys
        while True:
            result = await probe(self._client, path, PROVIDER_TIMEOUT, needs_body=True)
            if result.ok:
                body = significant(result.body, volatile)
                if body != self._providers:
                    self._providers = body
                    self._supervisor.post(e.Providers(run, result.body))
            await asyncio.sleep(self._settings.health.provider_interval)

    async def _watch_exposure(self, run: int) -> None:
        known: set[ListeningSocket] = set()
        while True:
            listeners = self._supervisor.run.listeners() if self._supervisor.run is not None else None
            exposed = {socket for socket in listeners or () if not _is_loopback(socket.address)}
            if exposed != known:
                known = exposed
                ordered = sorted(exposed, key=lambda socket: (socket.port, socket.address))
                self._supervisor.post(e.Exposed(run, tuple(ordered)))
            await asyncio.sleep(EXPOSURE_INTERVAL)


def _answer(result: ProbeResult) -> Answer:
    if result.ok:
        return Answer.OK
    if result.kind == "not_sent":
        return Answer.UNKNOWN
    return Answer.NONE if result.status is None else Answer.ERROR_STATUS


def _is_loopback(address: str) -> bool:
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"
