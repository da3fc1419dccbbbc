"""The functions that answer the channels. Plain functions answer at once, coroutines when they have waited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from .. import errors
from ..backend.client import BackendClient, Response, refused
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..wire.channels import WaitForReadyArgs
from ..wire.messages import Bootstrap, HealthResult, PingResult, Restarted, Started, Status, Subscribed, Success
from .facts import Facts
from .server import Server

# Seconds that today's callers wait for each answer (renderer contract).
_HEALTH, _PING, _INFO, _VERSION, _FFMPEG, _PROVIDERS = 5.0, 2.0, 5.0, 5.0, 5.0, 10.0


class Handlers:
    """Everything that a client can ask for, but for logs, firewall and the sidecar's own affairs."""

    def __init__(
        self,
        settings: Settings,
        facts: Facts,
        supervisor: Supervisor,
        client: BackendClient,
        last_port: Callable[[], int | None],
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._supervisor = supervisor
        self._client = client
        self._last_port = last_port

    def table(self) -> Mapping[str, Callable[..., Any]]:
        """Channel name to function."""
        backend = self._settings.backend
        return {
            "backend:getUrl": self._facts.url,
            "backend:status": self.status,
            "backend:health": self.health,
            "backend:ping": self.ping,
            "backend:info": lambda: self._body("info_path", backend.info_path, _INFO),
            "backend:version": lambda: self._body("version_path", backend.version_path, _VERSION),
            "backend:providerStatus": lambda: self._body("providers_path", backend.providers_path, _PROVIDERS),
            "backend:ffmpegStatus": lambda: self._body("ffmpeg_path", backend.ffmpeg_path, _FFMPEG),
            "backend:start": self.start,
            "backend:restart": self.restart,
            "backend:stop": self.stop,
            "backend:waitForReady": self.wait_for_ready,
            "runtime:getBootstrap": self.bootstrap,
            "runtime:getDiagnostics": self.bootstrap,
        }

    def status(self) -> Status:
        """backend:status."""
        return self._facts.status()

    def bootstrap(self) -> Bootstrap:
        """runtime:getBootstrap and runtime:getDiagnostics."""
        return self._facts.bootstrap()

    async def start(self) -> Started:
        """backend:start."""
        self._must_be_managed()
        return await self._supervisor.start()

    async def restart(self) -> Restarted:
        """backend:restart."""
        self._must_be_managed()
        started = await self._supervisor.restart()
        return Restarted(success=True, url=started.url)

    async def stop(self) -> Success:
        """backend:stop."""
        self._must_be_managed()
        await self._supervisor.stop()
        return Success(success=True)

    async def wait_for_ready(self, args: WaitForReadyArgs | None = None) -> Started:
        """backend:waitForReady."""
        return await self._supervisor.wait_for_ready(args.timeout if args else None)

    async def health(self) -> HealthResult:
        """backend:health: an unhealthy backend is an answer, not a failure."""
        backend = self._settings.backend
        try:
            response = await self._get("health_path", backend.health_path or backend.live_path, _HEALTH)
        except errors.HttpFailedError as error:
            return HealthResult(status="unhealthy", error=error.message)
        return HealthResult(status="healthy", data=response.body)

    async def ping(self) -> PingResult:
        """backend:ping: an unreachable backend is an answer, not a failure."""
        asked = time.perf_counter()
        try:
            await self._get("live_path", self._settings.backend.live_path, _PING)
        except errors.HttpFailedError as error:
            return PingResult(success=False, error=error.message)
        return PingResult(success=True, response_time=round((time.perf_counter() - asked) * 1000, 3))

    async def _body(self, setting: str, path: str, limit: float) -> Any:
        return (await self._get(setting, path, limit)).body

    async def _get(self, setting: str, path: str, limit: float) -> Response:
        run = self._supervisor.current
        if run is None or not run.alive:
            raise refused(self._last_port())
        if not path:
            raise errors.HttpFailedError(
                "The backend has no such endpoint", kind="no_endpoint", hint=f"Set backend.{setting} to its path."
            )
        return await self._client.get(path, timeout=limit)

    def _must_be_managed(self) -> None:
        if not self._settings.backend.managed:
            raise errors.NotManagedError(
                "The backend belongs to somebody else and is only watched",
                hint="Start and stop it where it was started, or set backend.managed = true.",
            )


class SidecarHandlers:
    """The sidecar's own affairs."""

    def __init__(
        self,
        server: Server,
        *,
        subscribed: Callable[[], None],
        suspended: Callable[[], None],
        shut_down: Callable[[], asyncio.Future[None]],
    ) -> None:
        self._server = server
        self._subscribed = subscribed
        self._suspended = suspended
        self._shut_down = shut_down

    def table(self) -> Mapping[str, Callable[..., Any]]:
        """Channel name to function."""
        return {
            "sidecar:ping": self.ping,
            "sidecar:subscribe": self.subscribe,
            "sidecar:unsubscribe": self.unsubscribe,
            "sidecar:power": self.power,
            "sidecar:shutdown": self.shutdown,
        }

    def ping(self, argument: Any = None) -> Any:
        """sidecar:ping: the argument back."""
        return argument

    def subscribe(self, names: list[str]) -> Subscribed:
        """sidecar:subscribe."""
        in_force = self._server.subscribe(names)
        self._subscribed()
        return Subscribed(subscribed=in_force)

    def unsubscribe(self, names: list[str]) -> Subscribed:
        """sidecar:unsubscribe."""
        in_force = self._server.unsubscribe(names)
        self._subscribed()
        return Subscribed(subscribed=in_force)

    def power(self, change: Literal["suspend", "resume"]) -> None:  # noqa: ARG002 - both mean that silence proves nothing
        """sidecar:power."""
        self._suspended()

    def shutdown(self) -> Awaitable[Success]:
        """sidecar:shutdown: requests behind it are refused at once, it is answered when the backend is gone."""
        return self._gone(self._shut_down())

    async def _gone(self, ended: asyncio.Future[None]) -> Success:
        await asyncio.shield(ended)
        return Success(success=True)
