"""Starts and stops the tasks that watch a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..backend.client import BackendClient
from ..backend.probe import probe, significant
from ..core import events as e
from ..process import find_listener
from ..process.base import ListeningSocket
from ..process.platform.ports import is_listening, is_loopback
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..supervisor.stream import RunEnded, RunEnding, RunStarted
from .listener import ListenerLook
from .readiness import Readiness

if TYPE_CHECKING:
    from .health import HealthWatch
    from .notifications import Notifications

PROVIDER_TIMEOUT = 10.0  # seconds, as for backend:providerStatus (renderer contract)
EXPOSURE_INTERVAL = 60.0  # seconds between looks at the listening sockets of the tree


class Monitor:
    """Watches the newest run and posts what it sees to the supervisor."""

    def __init__(
        self,
        settings: Settings,
        client: BackendClient,
        supervisor: Supervisor,
        *,
        find_listener: Callable[[int], list[ListeningSocket]] = find_listener,
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
        self._health: HealthWatch | None = None  # of the newest run, once it is ready
        self._providers: Any = None
        supervisor.stream.subscribe(RunStarted, self._begin)
        supervisor.stream.subscribe(RunEnding, lambda _notice: self.close())
        supervisor.stream.subscribe(RunEnded, lambda _notice: self.close())

    def close(self) -> None:
        """Stops watching; how a run answers while it is stopped means nothing."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def suspended(self) -> None:
        if self._health is not None:
            self._health.suspended()

    def _begin(self, notice: RunStarted) -> None:
        self.close()
        self._health = None
        self._spawn(self._watch(notice.run.number))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Reports a watch that an exception ended through the loop, because nothing awaits it."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._loop.call_exception_handler({"message": "a monitor of the backend stopped", "exception": error})

    async def _watch(self, run: int) -> None:
        started = self._loop.time()
        readiness = Readiness(run, self._supervisor, self._client, self._settings, self._look, self._notifications)
        if self._settings.backend.socket == "pass":
            from .socket_use import watch_socket_use

            self._spawn(watch_socket_use(run, self._supervisor, self._settings, self._look))
        if not await readiness.wait():
            return
        if self._notifications is not None:
            self._notifications.begin_watch()
        self._supervisor.post(e.Progress(run, "ready", self._loop.time() - started, "The backend is ready"))
        self._supervisor.post(e.Ready(run))
        if not self._tasks:  # the run was ended in response
            return
        # After the answer, because this import and the first look take longer than it.
        from .health import HealthWatch, warn_of_port

        warn_of_port(self._supervisor.last_port, self._settings.backend)
        self._health = HealthWatch(
            run, self._supervisor, self._client, self._settings, self._look, self._notifications, readiness.given
        )
        self._spawn(self._health.watch())
        if self._settings.backend.providers_path:
            self._spawn(self._watch_providers(run, self._settings.backend.providers_path))
        self._spawn(self._watch_exposure(run))

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
            exposed = {socket for socket in listeners or () if not is_loopback(socket.address)}
            if exposed != known:
                known = exposed
                ordered = sorted(exposed, key=lambda socket: (socket.port, socket.address))
                self._supervisor.post(e.Exposed(run, tuple(ordered)))
            await asyncio.sleep(EXPOSURE_INTERVAL)
