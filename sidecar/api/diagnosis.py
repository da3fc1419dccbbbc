"""backend:diagnose: gathers the facts for the checks, and runs them. Imported at the first request, with all the checks."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence

from msgspec import UNSET, Struct, structs

from .. import process
from ..backend.client import BackendClient
from ..backend.command import BackendCommand, find_command
from ..backend.environment import backend_environment
from ..backend.ports import port_state
from ..core.sandbox import Enforcement
from ..errors import HttpFailedError, SidecarError
from ..firewall import HAS_FIREWALL
from ..observe import check_backend, check_files, check_network
from ..process import sandbox as platform
from ..process.platform.machine import hosts_file
from ..process.platform.reserved_ports import reserved_ranges
from ..process.reactions import disposition
from ..process.reclaim import Reclaim
from ..process.sandbox.folders import path_notes
from ..settings.model import Paths, Settings
from ..supervisor import Supervisor
from ..supervisor.run import Run, places_of
from ..supervisor.succession import Succession
from ..wire.messages import FirewallCheck
from ..wire.observe import Check, Crash

_TIMEOUT = 2.0  # seconds for the backend to answer
_HEALTH_PATHS = ("live_path", "health_path", "ready_path")


class Diagnosis(Struct, frozen=True):
    """Answers backend:diagnose."""

    settings: Settings
    paths: Paths
    supervisor: Supervisor
    client: BackendClient
    succession: Succession
    crashes: Callable[[], Awaitable[list[Crash]]]  # the crash reports, newest first
    firewall: Callable[[], Awaitable[FirewallCheck]]  # the firewall's verdict, only called on Windows
    notes: Sequence[str]  # about the settings

    async def run(self) -> list[Check]:
        """Answers backend:diagnose; masks paths and commands from the settings, which may contain secrets."""
        mask = self.supervisor.launcher.mask
        return [
            structs.replace(
                check,
                message=mask(check.message),
                remedy=mask(check.remedy) if check.remedy else UNSET,
                evidence=mask(check.evidence) if check.evidence else UNSET,
            )
            for check in await self._checks()
        ]

    async def _checks(self) -> list[Check]:
        supervisor = self.supervisor
        run = supervisor.current if supervisor.current is not None and supervisor.current.alive else None
        found = [check_backend.check_settings(self.notes), *await check_backend.run_checks(self._machine_checks(run))]
        found += await self._run_checks(run)
        found += await check_backend.run_checks({"sandbox": self._check_sandbox})
        if HAS_FIREWALL:
            found.append(check_backend.check_firewall(await self.firewall()))
        if (passed := supervisor.launcher.passed) is not None:
            found.append(check_backend.check_passed_socket(passed.port, passed.waiting()))
        if self.settings.backend.notify:
            found.append(check_backend.check_notify(self.settings.backend.live_path))
        found.append(check_backend.check_orphans(self.succession.found.notes))
        others = Reclaim(self.paths.data).living
        found += await check_backend.run_checks({"other_sidecar": lambda: check_backend.check_sharing(list(others()))})
        crashes = await self.crashes()
        return [*found, check_backend.check_crashes(crashes, supervisor.lifecycle.state.value)]

    def _machine_checks(self, run: Run | None) -> dict[str, Callable[[], Check]]:
        backend, paths = self.settings.backend, self.paths
        passed = self.supervisor.launcher.passed
        exposed = places_of(run.exposed) if run else ""
        return {
            "executable": lambda: check_files.check_executable(
                self._find_command, has_request=bool(backend.shutdown_path) or backend.stdin == "open"
            ),
            "runtime": lambda: check_files.check_runtime(self._find_command, os.environ),
            "libraries": lambda: check_files.check_libraries(self._find_command, {**os.environ, **backend.env}),
            "folder_data": lambda: check_files.check_folder("data", paths.data),
            "folder_logs": lambda: check_files.check_folder("logs", paths.logs),
            "folder_temp": lambda: check_files.check_folder("temp", paths.temp),
            "port": lambda: check_network.check_port(
                backend.port,
                run.port if run else None,
                run.listener if run else "unknown",
                port_state,
                self._owner,
                reserved=reserved_ranges,
                held=passed.port if passed is not None else None,
            ),
            "loopback": check_network.check_loopback,
            "proxy": lambda: check_network.check_proxy(os.environ),
            "hosts_file": lambda: check_files.check_hosts(hosts_file()),
            "exposure": lambda: check_network.check_exposure(exposed, backend.command, backend.env),
            "clock": check_backend.check_installation_time,
        }

    async def _run_checks(self, run: Run | None) -> list[Check]:
        backend = self.settings.backend
        endpoints = {name: path for name in _HEALTH_PATHS if (path := getattr(backend, name))}
        answers, status = None, None
        if run is not None and run.port is not None:
            paths = list(dict.fromkeys(endpoints.values()))
            answers = dict(zip(paths, await asyncio.gather(*map(self._ask, paths)), strict=True))
            status = await self._options(backend.shutdown_path) if backend.shutdown_path else None
        kills = backend.stop_signal if run is not None and backend.stdin == "null" and self._dies_of_stop(run) else ""
        endpoint = check_backend.check_shutdown_endpoint(backend.shutdown_path, status, kills=kills)
        return [check_backend.check_health(endpoints, answers), endpoint]

    def _dies_of_stop(self, run: Run) -> bool:
        """Whether no process of the run handles the stop signal, as far as the system shows it."""
        number = getattr(signal, self.settings.backend.stop_signal, 0)  # Windows has few of them
        tree = run.process.processes() if run.process is not None and number else []
        return bool(tree) and all(disposition(one.pid, number) == "default" for one in tree)

    def _owner(self, port: int) -> str:
        """Returns who listens on a port, in words; mentions if it is another sidecar's backend."""
        try:
            found = process.find_listener(port)
        except OSError:  # out of descriptors
            found = []
        for socket in found:
            if socket.pid is not None:
                name = f"{process.process_name(socket.pid) or 'a program'} (pid {socket.pid})"
                sidecars = Reclaim(self.paths.data).living()
                mine = [sidecar for sidecar, backend in sidecars.items() if backend == socket.pid]
                return f"{name}, the backend of another sidecar (pid {mine[0]})" if mine else name
        return ""

    async def _ask(self, path: str) -> HttpFailedError | None:
        try:
            await self.client.get(path, timeout=_TIMEOUT, head_suffices=True)
        except HttpFailedError as error:
            return error
        return None

    async def _options(self, path: str) -> int | None:
        try:
            return await self.client.options(path, timeout=_TIMEOUT)
        except HttpFailedError:
            return None

    def _find_command(self) -> tuple[str, ...]:
        return self._find_backend().argv

    def _find_backend(self) -> BackendCommand:
        environment = backend_environment(self.settings, self.paths, 0, os.environ)
        return find_command(self.settings, environment)

    def _check_sandbox(self) -> Check:
        sandbox = self.settings.sandbox
        if sandbox.level == "off":
            return check_backend.check_sandbox(Enforcement("off"), (), required=False)
        enforced = platform.enforcement(sandbox.level, port_known=self.settings.backend.port != "reported")
        try:
            command = self._find_backend()
            request = platform.sandbox_request(self.settings, self.paths, None, command.argv[0], command.cwd)
            notes = [*path_notes(request), *platform.prepare(request)[1]]
        except SidecarError:  # the check of the executable reports it
            notes = []
        return check_backend.check_sandbox(enforced, notes, required=sandbox.required)
