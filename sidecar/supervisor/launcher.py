"""Turns a decision into a process: turn, port, command, environment, spawn. Also reads what the run prints and listens on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from msgspec import Struct

from .. import errors
from ..backend.client import BackendClient
from ..backend.plan import make_folders, plan_launch
from ..backend.ports import port_state
from ..backend.reported import ReportedAddress, printed_port
from ..core import events as e
from ..core.bind_failure import bind_failure
from ..core.events import Socket
from ..core.terminal_text import home_as_return, without_controls, without_half
from ..process import base, find_listener, process_name
from ..process.platform import as_utf8
from ..process.spec import EarlyRun, LaunchSpec
from ..settings.model import Paths, Settings
from .port_choice import PortChoice, PortConflict, Post
from .run import Run, is_reached
from .succession import Succession

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket
    from ..backend.ports import PortState
    from .handover import Handover

PERMANENT_FAILURES = (
    errors.BackendNotFoundError,
    errors.BackendNotAFileError,
    errors.BackendNotExecutableError,
    errors.SandboxUnavailableError,
)  # another attempt would fail in the same way


class Launcher(Struct, eq=False):
    """Launches the runs of a managed backend. ``output_tail``: the newest run's last output; ``early``: the first run, until it is adopted."""

    settings: Settings
    paths: Paths
    layer: base.ProcessLayer
    client: BackendClient
    succession: Succession
    output_tail: Callable[[], bytes]
    mask: Callable[[str], str]
    report: Callable[[str], None]
    find_listener: Callable[[int], list[base.ListeningSocket]] = find_listener
    process_name: Callable[[int], str | None] = process_name
    port_state: Callable[..., PortState] = port_state
    handover: Handover | None = None
    early: EarlyRun | None = None
    ports: PortChoice = None  # type: ignore[assignment]  # made in __post_init__
    _addresses: dict[str, ReportedAddress] = {}

    def __post_init__(self) -> None:
        last = self.succession.last_port
        backend = self.settings.backend
        self.ports = PortChoice(backend, self.client, self.passed, self.find_owner, self.port_state, last)

    @property
    def passed(self) -> PassedSocket | None:
        """The socket that is passed to every run; None: the run opens its own."""
        return self.handover.socket if self.handover is not None else None

    def prepare(self, number: int, *, retry: bool) -> Run:
        """Returns a run with its port or an error; a run that waits for its turn gets its port afterwards. ``retry``: on another port."""
        self.ports.begin(retry=retry)
        if (early := self.early) is not None:
            self.ports.use(early.port)
            return Run(number, early.port, early.at)
        self.ports.use(None)
        now = asyncio.get_running_loop().time()
        try:
            return Run(number, None if self.turn_limit else self.ports.choose(), now)
        except errors.InternalError as error:
            return Run(number, None, now, error=error)

    @property
    def turn_limit(self) -> float:
        """Seconds that a launch may have to wait until another sidecar on the data folder has exited; 0: no wait."""
        return self.succession.limit

    async def wait_for_turn(self, number: int, post: Post, wanted: Callable[[], bool]) -> int | None:
        """Waits like Succession.wait and returns the port. CancelledRequestError: the run is no longer wanted. InternalError: no port is left."""
        post(e.Waiting(number, self.turn_limit))
        await self.succession.wait(
            lambda elapsed, message: post(e.Progress(number, "waiting", elapsed, message)), wanted
        )
        if not wanted():
            raise errors.CancelledRequestError("The start was cancelled while it waited for another sidecar to end")
        self.ports.last = self.succession.last_port
        return self.ports.choose()

    async def wait_for_port(self, run: Run, post: Post, wanted: Callable[[], bool]) -> PortConflict | None:
        """See PortChoice.wait; an early run already has its port."""
        return await self.ports.wait(run, post, wanted) if self.early is None else None

    def plan(self, run: Run) -> LaunchSpec | None:
        """Returns what to execute for the run. SidecarError: the command cannot be executed."""
        spec, command = plan_launch(self.settings, self.paths, os.environ, run.port or 0)
        early, self.early = self.early, None
        for note in command.notes if early is None else early.notes:
            self.report(note)
        self._addresses.clear()
        if self.handover is not None:
            self.handover.add_to(spec)
        if self.settings.sandbox.level != "off":
            from ..process.sandbox import confine, sandbox_request  # only if one is configured

            request = sandbox_request(self.settings, self.paths, run.port, command.argv[0], command.cwd)
            spec.confinement = confine(request, required=self.settings.sandbox.required, report=self.report)
        return spec

    async def launch(self, spec: LaunchSpec | None, listener: base.RunListener) -> base.RunningProcess:
        """Starts the run's process. SidecarError: it could not be started."""
        assert spec is not None, "plan returned one"
        for note in make_folders(self.paths):
            self.report(note)
        return await self.layer.launch(spec, listener)

    def reported_port(self, run: Run, stream: str, data: bytes) -> int | None:
        """Returns the port once a run that chooses its port has printed it; each stream has its own lines."""
        backend = self.settings.backend
        if backend.port != "reported" or run.port is not None:
            return None
        return self._addresses.setdefault(stream, ReportedAddress(backend.reported_pattern)).feed(data)

    @property
    def unfinished_port(self) -> int | None:
        """The port in a printed line that is still incomplete; digits may be missing."""
        return next((port for one in self._addresses.values() if (port := one.unfinished) is not None), None)

    def printed_port(self, among: Collection[int]) -> int | None:
        """Returns which of the ports ``among``, on which the run listens, it printed as its own; None if unclear."""
        backend = self.settings.backend
        pattern = backend.reported_pattern if backend.port == "reported" else None
        return printed_port(pattern, self.output_tail(), among)

    def printed_bind_failure(self, run: Run) -> bool:
        return run.port is not None and bind_failure(self.output_tail(), run.port) is not None

    def explain_end(self, run: Run) -> PortConflict | None:
        return self.ports.after(run, self.output_tail())

    async def request_shutdown(self, run: Run) -> errors.HttpFailedError | None:
        """Sends the shutdown request; returns why the backend did not accept it, None if it did."""
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

    def last_output(self, limit: int = 1 << 16, *, after: bytes = b"") -> str:
        """Returns the newest run's last output, with secrets masked and without colours; whole lines of at most ``limit`` bytes, behind ``after``."""
        data = self.output_tail()
        if (start := data.find(after)) >= 0:
            data = data[start + len(after) :]
        if len(data) > limit:
            data = without_half(data[-limit:])
        # Escapes go first: only then is a partly coloured secret in one piece.
        return self.mask(without_controls(home_as_return(as_utf8(data)).decode("utf-8", "replace")))

    def name_all(self, processes: list[base.ProcessId]) -> tuple[base.Survivor, ...]:
        return tuple(base.Survivor(pid, self.process_name(pid) or "?") for pid, _ in processes)

    def find_owner(self, port: int | None) -> Socket | None:
        try:
            return next(iter(self.find_listener(port)), None) if port is not None else None
        except OSError:  # out of descriptors
            return None

    def name_of(self, owner: Socket | None) -> str:
        return (self.process_name(owner[2]) or "") if owner is not None and owner[2] is not None else ""
