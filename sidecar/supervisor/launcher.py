"""From a decision to a process: port, command, environment, spawn; and back, why a run could not have its port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from .. import errors
from ..backend.client import BackendClient
from ..backend.command import find_command
from ..backend.environment import backend_environment, fill
from ..backend.ports import choose_port, port_state
from ..backend.reported import ReportedAddress
from ..core.bind_failure import bind_failure
from ..core.events import Conflict
from ..process.base import LaunchLimits, LaunchSpec, ListeningSocket, ProcessId, ProcessLayer, Survivor
from ..settings.model import Paths, Settings
from .answers import port_taken
from .run import Run, RunEars

PORT_ATTEMPTS = 5  # ports that one start may try before the lack of a port counts as a failure


class Launches(Protocol):
    """What the supervisor needs of a launcher; see Launcher."""

    last_port: int | None

    def prepare(self, number: int, *, retry_of: Run | None) -> Run: ...  # noqa: D102

    async def launch(self, run: Run, ears: RunEars) -> None: ...  # noqa: D102

    def look_for_address(self, run: Run, stream: str, data: bytes) -> None: ...  # noqa: D102

    async def request_shutdown(self, run: Run) -> bool: ...  # noqa: D102

    def judge_end(self, run: Run) -> bool: ...  # noqa: D102

    def may_retry(self, run: Run) -> bool: ...  # noqa: D102

    def last_words(self) -> str: ...  # noqa: D102

    def name_all(self, processes: list[ProcessId]) -> list[Survivor]: ...  # noqa: D102

    def find_owner(self, run: Run) -> None: ...  # noqa: D102


class Launcher:
    """Knows how a run comes to be.

    Attributes:
        last_port: the newest run's port, or that of an earlier sidecar on the same data folder.
    """

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        layer: ProcessLayer,
        client: BackendClient,
        *,
        last_port: int | None,
        find_listener: Callable[[int], list[ListeningSocket]],
        process_name: Callable[[int], str | None],
        begin_output: Callable[[int], None],
        last_output: Callable[[], bytes],
        mask: Callable[[str], str],
        report: Callable[[str], None],
    ) -> None:
        self.last_port = last_port
        self._settings = settings
        self._paths = paths
        self._layer = layer
        self._client = client
        self._find_listener = find_listener
        self._process_name = process_name
        self._begin_output = begin_output
        self._last_output = last_output
        self._mask = mask
        self._report = report
        self._tried: set[int] = set()
        self._addresses: dict[str, ReportedAddress] = {}

    def prepare(self, number: int, *, retry_of: Run | None) -> Run:
        """A run with its port, or with the error why it has none, before anything of it exists.

        Args:
            number: the run's.
            retry_of: the run that could not have its port.
        """
        if retry_of is None:
            self._tried.clear()
        elif retry_of.port is not None:
            self._tried.add(retry_of.port)
        attempt = 1 if retry_of is None else retry_of.attempt + 1
        run = Run(number, None, attempt=attempt, asked_at=asyncio.get_running_loop().time())
        try:
            run.port = self._choose_port()
        except OSError as error:
            run.error = errors.InternalError(
                f"The system has no port for the backend: {error.strerror}",
                hint="It has run out of ports or of open files: end programs that hold many.",
            )
        if run.port is not None:
            self.last_port = run.port
        self._client.port = run.port
        return run

    async def launch(self, run: Run, ears: RunEars) -> None:
        """Makes the run a process.

        Raises:
            SidecarError: why not.
        """
        port = run.port
        if port == self._settings.backend.port:
            self._check_fixed_port(run, port)
        inherited = backend_environment(self._settings, self._paths, port or 0, os.environ)
        command = find_command(self._settings, inherited)
        for note in command.notes:
            self._report(note)
        self._make_folders()
        backend, limits = self._settings.backend, self._settings.limits
        self._addresses.clear()
        self._begin_output(run.number)
        run.spec = LaunchSpec(
            run=run.number,
            command=tuple(fill(word, backend.host, port or 0) for word in command.argv),
            cwd=command.cwd,
            env=inherited,
            limits=LaunchLimits(
                memory=limits.memory or None,
                nice=limits.cpu_nice or None,
                open_files=limits.open_files or None,
                no_new_privileges=limits.no_new_privileges,
            ),
            graceful=self._settings.timeouts.graceful_shutdown,
            force_kill=self._settings.timeouts.force_kill,
        )
        run.process = await self._layer.launch(run.spec, ears)

    def look_for_address(self, run: Run, stream: str, data: bytes) -> None:
        """Reads the port from what the backend prints, where it chooses the port itself; each stream has its own lines."""
        backend = self._settings.backend
        if backend.port != "reported" or run.port is not None:
            return
        found = self._addresses.setdefault(stream, ReportedAddress(backend.reported_pattern)).feed(data)
        if found is not None:
            run.port = self.last_port = self._client.port = found[1]

    async def request_shutdown(self, run: Run) -> bool:
        """Asks the shutdown endpoint; True when the backend took the request."""
        limit = self._settings.timeouts.shutdown_request
        try:
            await self._client.post(self._settings.backend.shutdown_path, timeout=limit)
        except errors.HttpFailedError as error:
            if run.alive:
                self._report(f"the backend did not take the request to shut down: {error.message}")
            return False
        return True

    def judge_end(self, run: Run) -> bool:
        """Looks, now that the tree is gone, whether the run died for want of its port; True when another may be tried."""
        last_output = self._last_output()
        run.output = self._decoded(last_output)
        if run.ready_at is not None or run.port is None:
            return False
        told = bind_failure(last_output, run.port)
        state = port_state(run.port)
        if told is None and state == "free":
            return False
        run.conflict = Conflict.FORBIDDEN if "forbidden" in {told, state} else Conflict.IN_USE
        self.find_owner(run)
        return self.may_retry(run)

    def last_words(self) -> str:
        """The newest run's last output, secrets masked."""
        return self._decoded(self._last_output())

    def _decoded(self, output: bytes) -> str:
        return self._mask(output.decode("utf-8", "replace"))

    def name_all(self, processes: list[ProcessId]) -> list[Survivor]:
        """The processes with their names."""
        return [Survivor(pid, self._process_name(pid) or "?") for pid, _ in processes]

    def may_retry(self, run: Run) -> bool:
        """Whether another port may be tried."""
        return self._settings.backend.port == "auto" and run.attempt < PORT_ATTEMPTS

    def find_owner(self, run: Run) -> None:
        """Notes who listens on the run's port."""
        assert run.port is not None
        run.owner = run.owner or next(iter(self._find_listener(run.port)), None)
        if run.owner is not None and run.owner.pid is not None:
            run.owner_name = self._process_name(run.owner.pid) or ""

    def _choose_port(self) -> int | None:
        port = self._settings.backend.port
        if port == "reported":
            return None
        return choose_port(self.last_port, self._tried) if port == "auto" else port

    def _check_fixed_port(self, run: Run, port: int | None) -> None:
        if port is None:
            return
        state = port_state(port)
        if state == "free":
            return
        run.conflict = Conflict.FORBIDDEN if state == "forbidden" else Conflict.IN_USE
        self.find_owner(run)
        raise port_taken(run)

    def _make_folders(self) -> None:
        for folder in (self._paths.data, self._paths.logs, self._paths.temp):
            try:
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a string comes and a string is wanted
            except OSError as error:
                self._report(f"the folder {folder} cannot be made: {error.strerror}")
