"""The backend's channels. Plain functions answer at once, coroutines after a wait."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, Struct

from .. import errors
from ..backend.client import BackendClient, Response, refused
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..supervisor.run import Run
from ..wire.messages import ForcedProcess, HealthResult, PingResult, Restarted, Started, Stopped
from .status import StatusView

# Seconds that existing callers wait for each answer (renderer contract).
_HEALTH, _PING, _INFO, _VERSION, _FFMPEG, _PROVIDERS = 5.0, 2.0, 5.0, 5.0, 5.0, 10.0

_QUOTING = frozenset({"status", "redirected", "invalid_url"})  # failures that name the path, which may hold a secret


class BackendChannels(Struct, frozen=True):
    """Handles the channels for the backend's lifecycle, address and endpoints."""

    settings: Settings
    supervisor: Supervisor
    client: BackendClient
    view: StatusView

    def table(self) -> Mapping[str, Callable[..., Any]]:
        backend, view = self.settings.backend, self.view
        return {
            "backend:getUrl": view.url,
            "backend:status": view.status,
            "backend:health": self._health,
            "backend:ping": self._ping,
            "backend:info": lambda: self._body("info_path", backend.info_path, _INFO),
            "backend:version": lambda: self._body("version_path", backend.version_path, _VERSION),
            "backend:providerStatus": lambda: self._body("providers_path", backend.providers_path, _PROVIDERS),
            "backend:ffmpegStatus": lambda: self._body("ffmpeg_path", backend.ffmpeg_path, _FFMPEG),
            "backend:start": self._start,
            "backend:restart": self._restart,
            "backend:stop": self._stop,
            "backend:waitForReady": lambda args=None: self.supervisor.wait_for_ready(args.timeout if args else None),
            "runtime:getBootstrap": view.bootstrap,
            "runtime:getDiagnostics": view.bootstrap,
        }

    async def _start(self) -> Started:
        self._must_be_managed()
        return await self.supervisor.start()

    async def _restart(self) -> Restarted:
        self._must_be_managed()
        started = await self.supervisor.restart()
        return Restarted(success=True, url=started.url)

    async def _stop(self) -> Stopped:
        self._must_be_managed()
        forced = [ForcedProcess(pid=process.pid, name=process.name) for process in await self.supervisor.stop()]
        return Stopped(success=True, forced=forced or UNSET)

    async def _health(self) -> HealthResult:
        """An unhealthy backend is an answer, not a failure."""
        backend = self.settings.backend
        path = backend.health_path or backend.live_path
        try:
            if not path:
                self._must_listen()
                return HealthResult(status="healthy")
            response = await self._get("health_path", path, _HEALTH, head_suffices=True)
        except errors.HttpFailedError as error:
            return HealthResult(status="unhealthy", error=error.message)
        return HealthResult(status="healthy", data=response.body)

    async def _ping(self) -> PingResult:
        """An unreachable backend is an answer, not a failure."""
        asked = time.perf_counter()
        path = self.settings.backend.live_path
        try:
            if not path:
                self._must_listen()
                return PingResult(success=True)
            await self._get("live_path", path, _PING, head_suffices=True)
        except errors.HttpFailedError as error:
            return PingResult(success=False, error=error.message)
        return PingResult(success=True, response_time=round((time.perf_counter() - asked) * 1000, 3))

    async def _body(self, setting: str, path: str, limit: float) -> Any:
        return (await self._get(setting, path, limit)).body

    def _reachable(self) -> Run:
        """Returns the run that requests would reach. Raises HttpFailedError."""
        run = self.supervisor.current
        if run is None or not run.alive:
            raise refused(self.supervisor.last_port)
        if run.listener == "foreign":
            raise errors.HttpFailedError(
                f"port {run.port} belongs to {run.owner_text}",
                kind="refused",
                hint="Close that program, then restart the backend.",
            )
        return run

    def _must_listen(self) -> None:
        """Without an endpoint, the open port counts, as for readiness; nothing is sent. Raises HttpFailedError."""
        run = self._reachable()
        if run.ready_at is None or (run.healthy is False and run.listener == "unknown"):
            raise refused(run.port)
        if run.healthy is False:
            raise errors.HttpFailedError(
                run.unhealthy, kind="refused", hint="Check its last output; if that does not help, restart the backend."
            )

    async def _get(self, setting: str, path: str, limit: float, *, head_suffices: bool = False) -> Response:
        self._reachable()
        if not path:
            raise errors.HttpFailedError(
                "The backend has no such endpoint", kind="no_endpoint", hint=f"Set backend.{setting} to its path."
            )
        try:
            return await self.client.get(path, timeout=limit, head_suffices=head_suffices)
        except errors.HttpFailedError as error:
            if error.kind in _QUOTING:
                self.supervisor.masked(error)
            raise

    def _must_be_managed(self) -> None:
        if not self.settings.backend.managed:
            raise errors.NotManagedError("The backend is not managed by this sidecar, only watched")
