"""What status and bootstrap report, read from the supervisor at the time of the request."""

import asyncio
import socket
from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from .. import __version__
from ..core.events import State
from ..process.platform import SYSTEM
from ..process.platform.ports import is_listening
from ..process.spec import LaunchSpec
from ..settings.model import Paths, Settings
from ..supervisor import Supervisor
from ..supervisor.run import Run
from ..supervisor.succession import Succession
from ..wire import messages as m

# The systems' names for processors → Node's, which renderers know.
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "i386": "ia32", "i686": "ia32", "x86": "ia32"}


class StatusView(Struct, eq=False):
    """Builds the answers; changes nothing."""

    _settings: Settings
    _paths: Paths
    _supervisor: Supervisor
    _succession: Succession
    _mask: Callable[[str], str]  # takes known secrets out of a text
    _spec: LaunchSpec | None = None  # the newest run's; below, its command and folder with secrets masked
    _command: list[str] = []
    _folder: str = ""

    def url(self) -> str | None:
        run = self._supervisor.current
        return run.url if run else None

    def status(self) -> m.Status:
        supervisor = self._supervisor
        run = supervisor.current
        state = supervisor.lifecycle.state
        ready_at = run.ready_at if run and state is State.RUNNING else None
        self._look_at_spec()
        return m.Status(
            running=self._is_running(state, run),
            port=run.port if run else None,
            url=run.url if run else None,
            state=state.value,
            pid=run.pid if run else None,
            health=_health(state, run),
            since=supervisor.since,
            uptime=asyncio.get_running_loop().time() - ready_at if ready_at is not None else None,
            restarts=supervisor.lifecycle.restarts,
            last_exit=supervisor.last_exit,
            managed=self._settings.backend.managed,
            listener=run.listener if run else "unknown",
            exposed=[m.ExposedSocket(*each[:3]) for each in run.exposed] if run else [],
            shared_data_folder=self._succession.found.shared,
            sandbox=self._sandbox(),
            waiting_connections=passed.waiting() if (passed := supervisor.launcher.passed) is not None else UNSET,
            command=self._command if self._spec is not None else UNSET,
            folder=self._folder if self._spec is not None else UNSET,
        )

    def _is_running(self, state: State, run: Run | None) -> bool:
        """An unmanaged backend's process is unknown: it runs once it has answered, and while something listens on its port."""
        if run is None or not run.alive:
            return False
        return self._settings.backend.managed or (
            state is State.RUNNING and run.port is not None and is_listening(run.port)
        )

    def _look_at_spec(self) -> None:
        newest = self._supervisor.run
        if newest is None or newest.spec is None or newest.spec is self._spec:
            return
        try:
            from ..settings.masking import mask_command

            self._spec, self._folder = newest.spec, self._mask(newest.spec.cwd)
            self._command = list(map(self._mask, mask_command(newest.spec.command)))
        except (OSError, ImportError):  # out of descriptors to import with: the next request retries
            pass

    def _sandbox(self) -> m.SandboxStatus | UnsetType:
        level = self._settings.sandbox.level
        if level == "off":
            return UNSET
        from ..process.sandbox import enforcement

        # Not the run's port: it may be known now, but was not when the sandbox was made.
        found = enforcement(level, port_known=self._settings.backend.port != "reported")
        missing = [m.MissingProtection(*each) for each in found.missing]
        return m.SandboxStatus(level, found.mechanism, list(found.enforced), missing)

    def bootstrap(self) -> m.Bootstrap:
        """Returns what a preload reads; available before the backend is."""
        backend, app = self._settings.backend, self._settings.app
        run = self._supervisor.current
        port = run.port if run else self._supervisor.last_port
        return m.Bootstrap(
            backend=m.BootstrapBackend(
                base_url=f"http://{backend.host}:{port}" if port else None,
                port=port,
                protocol="http",
                managed_by_electron=backend.managed,
                health_endpoint=backend.health_path,
                readiness_endpoint=backend.ready_path,
                sse_job_events_template=backend.events_path,
                pid=run.pid if run else None,
                ready=self._supervisor.lifecycle.state is State.RUNNING,
            ),
            environment=m.BootstrapEnvironment(app.mode, app.is_packaged, app.version or __version__),
            os=_operating_system(),
            paths=m.BootstrapPaths(app.user_data or self._paths.data, self._paths.temp, self._paths.logs),
        )


def _health(state: State, run: Run | None) -> m.HealthName:
    if state is not State.RUNNING or run is None or run.healthy is None:
        return "unknown"
    return "healthy" if run.healthy else "unhealthy"


def _operating_system() -> m.BootstrapOs:
    from ..process.platform.machine import machine, release

    processor = machine().lower()
    return m.BootstrapOs(SYSTEM, release(), _ARCHITECTURES.get(processor, processor), socket.gethostname())
