"""Starts and stops the tasks that watch a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

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


class Monitor(Struct, eq=False):
    """Watches the newest run and posts what it sees to the supervisor."""

    settings: Settings
    client: BackendClient
    supervisor: Supervisor
    find_listener: Callable[[int], list[ListeningSocket]] = find_listener
    is_listening: Callable[[int], bool] = is_listening
    notifications: Notifications | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _look: ListenerLook = None  # type: ignore[assignment]  # made in __post_init__
    _tasks: list[asyncio.Task[None]] = []
    _health: HealthWatch | None = None  # of the newest run, once it is ready
    _providers: Any = None

    def __post_init__(self) -> None:
        self._look = ListenerLook(self.supervisor, self.find_listener, self.is_listening, self.settings.backend)
        self.supervisor.stream.subscribe(RunStarted, self._begin)
        self.supervisor.stream.subscribe(RunEnding, lambda _notice: self.close())
        self.supervisor.stream.subscribe(RunEnded, lambda _notice: self.close())

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
        readiness = Readiness(run, self.supervisor, self.client, self.settings, self._look, self.notifications)
        if self.settings.backend.socket == "pass":
            from .socket_use import watch_socket_use

            self._spawn(watch_socket_use(run, self.supervisor, self.settings, self._look))
        if not await readiness.wait():
            return
        if self.notifications is not None:
            self.notifications.begin_watch()
        self.supervisor.post(e.Progress(run, "ready", self._loop.time() - started, "The backend is ready"))
        self.supervisor.post(e.Ready(run))
        if not self._tasks:  # the run was ended in response
            return
        # After the answer, because this import and the first look take longer than it.
        from .health import HealthWatch, warn_of_port

        warn_of_port(self.supervisor.last_port, self.settings.backend)
        self._health = HealthWatch(
            run, self.supervisor, self.client, self.settings, self._look, self.notifications, readiness.given
        )
        self._spawn(self._health.watch())
        if self.settings.backend.providers_path:
            self._spawn(self._watch_providers(run, self.settings.backend.providers_path))
        self._spawn(self._watch_exposure(run))

    async def _watch_providers(self, run: int, path: str) -> None:
        volatile = self.settings.backend.volatile_keys
        while True:
            result = await probe(self.client, path, PROVIDER_TIMEOUT, needs_body=True)
            if result.ok:
                body = significant(result.body, volatile)
                if body != self._providers:
                    self._providers = body
                    self.supervisor.post(e.Providers(run, result.body))
            await asyncio.sleep(self.settings.health.provider_interval)

    async def _watch_exposure(self, run: int) -> None:
        known: set[ListeningSocket] = set()
        while True:
            listeners = self.supervisor.run.listeners() if self.supervisor.run is not None else None
            exposed = {socket for socket in listeners or () if not is_loopback(socket.address)}
            if exposed != known:
                known = exposed
                ordered = sorted(exposed, key=lambda socket: (socket.port, socket.address))
                self.supervisor.post(e.Exposed(run, tuple(ordered)))
            await asyncio.sleep(EXPOSURE_INTERVAL)
