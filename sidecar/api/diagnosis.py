"""backend:diagnose: gathers what the checks need to know."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from .. import process
from ..backend.client import BackendClient
from ..backend.command import BackendCommand
from ..errors import HttpFailedError, SidecarError
from ..process.reclaim import Reclaim
from ..settings.model import Paths, Settings
from ..supervisor import Supervisor
from ..supervisor.succession import Succession
from ..wire.messages import Crash, FirewallCheck
from ..wire.observe import Check

_TIMEOUT = 2.0  # seconds for the backend to answer

_HEALTH_PATHS = ("live_path", "health_path", "ready_path")


class Diagnosis:
    """Answers backend:diagnose.

    Args:
        settings, paths: those in force.
        supervisor: knows the run.
        crashes: the crash reports, newest first.
        firewall: the verdict of the firewall room; asked on Windows only.
        client: speaks to the run.
        succession: knows what was found of earlier sidecars.
    """

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        supervisor: Supervisor,
        *,
        crashes: Callable[[], Awaitable[list[Crash]]],
        firewall: Callable[[], Awaitable[FirewallCheck]],
        client: BackendClient,
        succession: Succession,
    ) -> None:
        self._settings = settings
        self._paths = paths
        self._supervisor = supervisor
        self._crashes = crashes
        self._firewall = firewall
        self._client = client
        self._succession = succession

    def table(self) -> Mapping[str, Callable[..., Any]]:
        """Channel name to function."""
        return {"backend:diagnose": self.diagnose}

    async def diagnose(self) -> list[Check]:
        """backend:diagnose."""
        from ..backend.ports import port_state
        from ..firewall import HAS_FIREWALL
        from ..observe.check_handover import check_notify, check_passed_socket
        from ..observe.diagnose import DiagnosisFacts, diagnose

        backend, paths = self._settings.backend, self._paths
        run = self._supervisor.current
        alive = run if run is not None and run.alive else None
        passed = self._supervisor.launcher.passed
        handover = [check_passed_socket(passed.port, passed.waiting())] if passed is not None else []
        if backend.notify:
            handover.append(check_notify(backend.live_path))
        facts = DiagnosisFacts(
            find_command=self._find_command,
            folders={"data": paths.data, "logs": paths.logs, "temp": paths.temp},
            port=backend.port,
            port_state=port_state,
            port_owner=self._owner,
            running_port=alive.port if alive else None,
            listener=alive.listener if alive else "unknown",
            exposed=[f"{address}:{port}" for address, port, _ in alive.exposed] if alive else (),
            env=backend.env,
            endpoints={name: path for name in _HEALTH_PATHS if (path := getattr(backend, name))},
            ask=self._ask,
            shutdown_path=backend.shutdown_path,
            ask_options=self._options if alive else _no_answer,
            firewall=self._firewall if HAS_FIREWALL else None,
            held_port=passed.port if passed is not None else None,
            handover=handover,
            others=lambda: list(Reclaim(Path(paths.data)).living()),
            orphans=self._succession.found.notes,
            crashes=await self._crashes(),
            state=self._supervisor.lifecycle.state.value,
            sandbox=self._check_sandbox,
        )
        return await diagnose(facts)

    def _owner(self, port: int) -> str:
        """Who listens on a port; says so if it is the backend of another copy of the app."""
        try:
            found = process.find_listener(port)
        except OSError:  # no descriptor is left to look with
            found = []
        for socket in found:
            if socket.pid is not None:
                name = f"{process.process_name(socket.pid) or 'a program'} (pid {socket.pid})"
                sidecars = Reclaim(Path(self._paths.data)).living()
                mine = [sidecar for sidecar, backend in sidecars.items() if backend == socket.pid]
                return f"{name}, the backend of another sidecar (pid {mine[0]})" if mine else name
        return ""

    async def _ask(self, path: str) -> HttpFailedError | None:
        try:
            await self._client.get(path, timeout=_TIMEOUT, head_suffices=True)
        except HttpFailedError as error:
            return error
        return None

    async def _options(self, path: str) -> int | None:
        try:
            return await self._client.options(path, timeout=_TIMEOUT)
        except HttpFailedError:
            return None

    def _find_command(self) -> tuple[str, ...]:
        return self._find_backend().argv

    def _find_backend(self) -> BackendCommand:
        from ..backend.command import find_command
        from ..backend.environment import backend_environment

        environment = backend_environment(self._settings, self._paths, 0, os.environ)
        return find_command(self._settings, environment)

    def _check_sandbox(self) -> Check:
        from ..core.sandbox import Enforcement
        from ..observe.check_backend import check_sandbox
        from ..process import sandbox as platform
        from ..process.sandbox.folders import path_notes
        from ..supervisor.confinement import sandbox_request

        sandbox = self._settings.sandbox
        if sandbox.level == "off":
            return check_sandbox(Enforcement("off"), (), required=False)
        enforced = platform.enforcement(sandbox.level, port_known=self._settings.backend.port != "reported")
        try:
            request = sandbox_request(self._settings, self._paths, None, self._find_backend())
            notes = [*path_notes(request), *platform.prepare(request)[1]]
        except SidecarError:  # the check of the executable says why
            notes = []
        return check_sandbox(enforced, notes, required=sandbox.required)


async def _no_answer(_path: str) -> None:
    """No run to query."""
