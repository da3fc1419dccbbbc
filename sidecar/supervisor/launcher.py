"""From a decision to a process: turn, port, command, environment, spawn; and back, why a run could not have its port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from msgspec import Struct

from .. import errors
from ..backend import ports
from ..backend.client import BackendClient
from ..backend.command import BackendCommand
from ..backend.plan import make_folders, plan_launch
from ..backend.reported import ReportedAddress, printed_port
from ..core import events as e
from ..core.bind_failure import any_bind_failure, bind_failure
from ..core.events import Conflict, Socket
from ..process import base
from ..process.platform import as_utf8
from ..process.spec import EarlyRun, LaunchSpec
from ..settings.model import Paths, Settings
from .run import Run, is_reached
from .succession import Succession

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket
    from ..backend.ports import PortState
    from .handover import Handover


Post = Callable[[e.Event], None]


class PortConflict(Struct, frozen=True):
    """Why a run cannot have its port, and the other program on it where known."""

    kind: Conflict
    owner: Socket | None
    owner_name: str


MAX_WAIT = 75.0  # seconds; TIME_WAIT and FIN_WAIT_2 last 60 s on Linux (TCP_TIMEWAIT_LEN, tcp_fin_timeout)
_INTERVAL = 0.25
_FIRST_UNPRIVILEGED_PORT = 1024
PERMANENT_FAILURES = (
    errors.BackendNotFoundError,
    errors.BackendNotAFileError,
    errors.BackendNotExecutableError,
    errors.SandboxUnavailableError,
)  # that another attempt would meet again


class Launcher(Struct, eq=False):
    """Makes runs of our own backend. ``output_tail``: the newest run's last output; ``early``: the first run, until it is adopted."""

    settings: Settings
    paths: Paths
    layer: base.ProcessLayer
    client: BackendClient
    succession: Succession
    find_listener: Callable[[int], list[base.ListeningSocket]]
    process_name: Callable[[int], str | None]
    output_tail: Callable[[], bytes]
    mask: Callable[[str], str]
    report: Callable[[str], None]
    port_state: Callable[..., PortState] = ports.port_state
    handover: Handover | None = None
    early: EarlyRun | None = None
    last_port: int | None = None  # the newest run's, or that of an earlier sidecar on the data folder
    _binds_plainly: bool = False  # the backend cannot listen beside connections that linger
    _tried: set[int] = set()
    _addresses: dict[str, ReportedAddress] = {}

    def __post_init__(self) -> None:
        self.last_port = self.succession.last_port

    @property
    def passed(self) -> PassedSocket | None:
        """The socket that every run is handed; None: it listens by itself."""
        return self.handover.socket if self.handover is not None else None

    def prepare(self, number: int, *, retry: bool) -> Run:
        """A run with its port, or with the error why not; one that waits for its turn gets it then. ``retry``: on another port."""
        if not retry:
            self._tried.clear()
        elif self.last_port is not None:
            self._tried.add(self.last_port)
        port, failure = None, None
        self.client.port = None
        if (early := self.early) is not None:
            self.client.port = early.port
            self.last_port = early.port or self.last_port
            return Run(number, early.port, early.at)
        try:
            port = None if self.turn_limit else self._choose_port()
        except errors.InternalError as error:
            failure = error
        return Run(number, port, asyncio.get_running_loop().time(), error=failure)

    @property
    def turn_limit(self) -> float:
        """Seconds that a launch may have to wait for another sidecar on the data folder, which is ending; 0: it need not wait."""
        return self.succession.limit

    async def wait_for_turn(self, number: int, post: Post, wanted: Callable[[], bool]) -> int | None:
        """Waits as Succession.wait; gives the port. CancelledRequestError: the run is not wanted. InternalError: there is no port."""
        post(e.Waiting(number, self.turn_limit))
        await self.succession.wait(
            lambda elapsed, message: post(e.Progress(number, "waiting", elapsed, message)), wanted
        )
        if not wanted():
            raise errors.CancelledRequestError("The start was cancelled while it waited for another sidecar to end")
        self.last_port = self.succession.last_port
        return self._choose_port()

    async def wait_for_port(self, run: Run, post: Post, wanted: Callable[[], bool]) -> PortConflict | None:
        """Why the run cannot have its port, once nothing merely lingers there, or it is not wanted, or the wait is over."""
        conflict = self._find_conflict(run)
        if conflict is None or conflict.kind is not Conflict.LINGERING:
            return conflict
        loop = asyncio.get_running_loop()
        end = loop.time() + MAX_WAIT
        post(e.Waiting(run.number, MAX_WAIT))
        text = f"Waiting for connections of an earlier program to close on port {run.port}"
        post(e.Progress(run.number, "waiting", 0.0, text))
        while conflict is not None and conflict.kind is Conflict.LINGERING and loop.time() < end:
            await asyncio.sleep(_INTERVAL)
            if not wanted():
                return conflict
            conflict = self._find_conflict(run)
        if conflict is None:
            post(e.Waiting(run.number, 0.0))
        return conflict

    def _find_conflict(self, run: Run) -> PortConflict | None:
        """Why a fixed port is not available, before anything is launched."""
        if self.early is not None:
            return None
        if self.passed is not None and run.port is not None:
            try:
                self.passed.open(run.port)
                self.passed.renew()
            except OSError:
                state = self.port_state(run.port)
                return self._conflict(run.port, "in_use" if state == "free" else state)
            return None
        if run.port is None or run.port != self.settings.backend.port:
            return None
        return self._conflict(run.port, self.port_state(run.port, plain=self._binds_plainly))

    def plan(self, run: Run) -> LaunchSpec | None:
        """What is to be executed for the run. SidecarError: the command cannot be executed."""
        spec, command = plan_launch(self.settings, self.paths, os.environ, run.port or 0)
        early, self.early = self.early, None
        for note in command.notes if early is None else early.notes:
            self.report(note)
        self._addresses.clear()
        if self.handover is not None:
            self.handover.add_to(spec)
        spec.confinement = self._confine(run.port, command)
        return spec

    async def launch(self, spec: LaunchSpec | None, listener: base.RunListener) -> base.RunningProcess:
        """Makes the run a process. SidecarError: why not."""
        assert spec is not None, "plan gave one"
        for note in make_folders(self.paths):
            self.report(note)
        return await self.layer.launch(spec, listener)

    def reported_port(self, run: Run, stream: str, data: bytes) -> int | None:
        """The port, once the run has printed it, where it chooses the port itself; each stream has its own lines."""
        backend = self.settings.backend
        if backend.port != "reported" or run.port is not None:
            return None
        found = self._addresses.setdefault(stream, ReportedAddress(backend.reported_pattern)).feed(data)
        return found[1] if found is not None else None

    @property
    def unfinished_port(self) -> int | None:
        """The port in a printed line that has no end so far, of which digits may be missing."""
        return next((port for one in self._addresses.values() if (port := one.unfinished) is not None), None)

    def printed_port(self, among: Collection[int]) -> int | None:
        """Which of the ports on which the run listens it printed as its own; None where that is not clear."""
        backend = self.settings.backend
        pattern = backend.reported_pattern if backend.port == "reported" else None
        return printed_port(pattern, self.output_tail(), among)

    def printed_bind_failure(self, run: Run) -> bool:
        """Whether the run printed that it could not listen on its port."""
        return run.port is not None and bind_failure(self.output_tail(), run.port) is not None

    def use_port(self, port: int) -> None:
        """The run listens there."""
        self.last_port = self.client.port = port

    async def request_shutdown(self, run: Run) -> errors.HttpFailedError | None:
        """Asks the shutdown endpoint; gives why the backend did not accept the request, None where it did."""
        from ..process.platform.ports import HOLDERS_ARE_KNOWN

        is_known = self.settings.backend.listener == "own" and (self.passed is None or HOLDERS_ARE_KNOWN)
        sockets = run.listeners() if is_known else None
        if sockets is not None and all(socket.port != run.port or not is_reached(socket) for socket in sockets):
            return errors.HttpFailedError(f"it no longer listens on port {run.port}", kind="refused")
        limit = self.settings.timeouts.shutdown_request
        try:
            await self.client.post(self.settings.backend.shutdown_path, timeout=limit)
        except errors.HttpFailedError as error:
            return error
        return None

    def explain_end(self, run: Run) -> PortConflict | None:
        """Now that the tree is gone: whether a run that never was ready died because it could not have its port."""
        if run.ready_at is not None or run.port is None:
            return None
        printed = bind_failure(self.output_tail(), run.port)
        if self.passed is not None:
            return PortConflict(Conflict.PASSED, None, "") if printed else None
        if printed == "forbidden" and run.spec and run.spec.confinement and run.port >= _FIRST_UNPRIVILEGED_PORT:
            return None  # its sandbox allows it that port, so the failure is about another one
        state = self.port_state(run.port)
        if printed is None:
            return self._conflict(run.port, "free" if state == "lingering" else state)
        if state == "free":  # not for the backend
            self._binds_plainly = self.port_state(run.port, plain=True) == "lingering"
            named = any_bind_failure(self.output_tail().decode("utf-8", "replace"))
            elsewhere = named is not None and named[0] == "in_use" and named[1] != run.port
            if elsewhere and not self._binds_plainly and self._is_free_everywhere(run.port):
                return None  # it tried another one
            state = "lingering" if self._binds_plainly else "in_use"
        return self._conflict(run.port, "forbidden" if printed == "forbidden" else state)

    def last_output(self, limit: int = 1 << 16) -> str:
        """The newest run's last output, secrets masked; whole lines of at most ``limit`` bytes."""
        data = self.output_tail()
        if len(data) > limit:
            data = data[-limit:].partition(b"\n")[2] or data[-limit:]
        return self.mask(as_utf8(data).decode("utf-8", "replace"))

    def name_all(self, processes: list[base.ProcessId]) -> tuple[base.Survivor, ...]:
        """The processes with their names."""
        return tuple(base.Survivor(pid, self.process_name(pid) or "?") for pid, _ in processes)

    def find_owner(self, port: int | None) -> tuple[Socket | None, str]:
        """Who listens on a port, and its name."""
        try:
            owner = next(iter(self.find_listener(port)), None) if port is not None else None
        except OSError:  # no descriptor is left to look with
            owner = None
        return owner, self.name_of(owner)

    def name_of(self, owner: Socket | None) -> str:
        """The name of the process that has the socket; empty where unknown."""
        return (self.process_name(owner[2]) or "") if owner is not None and owner[2] is not None else ""

    def _confine(self, port: int | None, command: BackendCommand) -> base.Confinement | None:
        sandbox = self.settings.sandbox
        if sandbox.level == "off":
            return None
        from .confinement import confine, sandbox_request  # only where it is wanted

        request = sandbox_request(self.settings, self.paths, port, command)
        return confine(request, required=sandbox.required, report=self.report)

    def _conflict(self, port: int, state: PortState) -> PortConflict | None:
        if state == "free":
            return None
        if state == "lingering":
            return PortConflict(Conflict.LINGERING, None, "")
        return PortConflict(Conflict(state), *self.find_owner(port))

    def _is_free_everywhere(self, port: int) -> bool:
        """Also for a server that listens on all addresses."""
        try:
            taken = self.port_state(port, address="::") == "in_use"
        except OSError:  # the system has no IPv6
            taken = False
        return not taken and self.port_state(port, address="0.0.0.0") == "free"  # noqa: S104 - tried, not served

    def _choose_port(self) -> int | None:
        if (unreachable := ports.loopback_error()) is not None:
            why = f"127.0.0.1 cannot be reached on this machine: {unreachable.strerror}"
            raise errors.InternalError(why, hint=errors.LOOPBACK_REMEDY)
        wanted, passed = self.settings.backend.port, self.passed
        try:
            port: int | None
            if wanted == "auto":
                port = (
                    ports.choose_port(self.last_port, self._tried)
                    if passed is None
                    else passed.open_any(self.last_port)
                )
            else:
                port = None if wanted == "reported" else wanted
        except OSError as error:
            why = f"The system has no port for the backend: {error.strerror}"
            hint = "It has run out of ports or open files: close programs that use many."
            raise errors.InternalError(why, hint=hint) from error
        self.client.port = port
        self.last_port = port or self.last_port
        return port
