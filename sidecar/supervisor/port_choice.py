"""Which port a run gets, whether it is available, and why it was not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from .. import errors
from ..backend import ports
from ..backend.client import BackendClient
from ..core import events as e
from ..core.bind_failure import any_bind_failure, bind_failure
from ..core.events import Conflict, Socket
from ..process.platform.ports import FIRST_FREE_PORT
from ..settings.model import Backend
from .run import Run

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket
    from ..backend.ports import PortState

Post = Callable[[e.Event], None]

_MAX_WAIT = 75.0  # seconds; TIME_WAIT and FIN_WAIT_2 last 60 s on Linux (TCP_TIMEWAIT_LEN, tcp_fin_timeout)
_INTERVAL = 0.25
_FIRST_UNPRIVILEGED_PORT = 1024


class PortConflict(Struct, frozen=True):
    """Why a run cannot get its port, and the other program on it, if known."""

    kind: Conflict
    owner: Socket | None = None


class PortChoice(Struct, eq=False):
    """Chooses the ports of one backend's runs. ``last``: the newest run's, or an earlier sidecar's; ``_passed``: the socket that runs get."""

    _backend: Backend
    _client: BackendClient
    _passed: PassedSocket | None
    _find_owner: Callable[[int], Socket | None]
    _port_state: Callable[..., PortState]
    last: int | None
    _binds_plainly: bool = False  # the backend cannot listen while old connections linger
    _tried: set[int] = set()

    def begin(self, *, retry: bool) -> None:
        """Begins a start. ``retry``: the previous run could not get its port, so another one is needed."""
        if not retry:
            self._tried.clear()
        elif self.last is not None:
            self._tried.add(self.last)

    def use(self, port: int | None) -> None:
        """Sets the port that the run listens on; None: the run chooses it."""
        self._client.port = port
        self.last = port or self.last

    def choose(self) -> int | None:
        """Returns the port of the next run; None: the run chooses it. InternalError: no port is available."""
        if (unreachable := ports.loopback_error()) is not None:
            why = f"127.0.0.1 cannot be reached on this machine: {unreachable.strerror}"
            raise errors.InternalError(why, hint=errors.LOOPBACK_REMEDY)
        wanted = self._backend.port
        port = wanted if isinstance(wanted, int) else None
        try:
            if wanted == "auto":
                passed = self._passed
                port = ports.choose_port(self.last, self._tried) if passed is None else passed.open_any(self.last)
        except OSError as error:
            why = f"The system has no port for the backend: {error.strerror}"
            hint = "It has run out of ports or open files: close programs that use many."
            raise errors.InternalError(why, hint=hint) from error
        self.use(port)
        return port

    async def wait(self, run: Run, post: Post, wanted: Callable[[], bool]) -> PortConflict | None:
        """Waits while old connections linger on the port and the run is wanted, up to a limit. Returns why the run cannot get its port."""
        conflict = self._before(run.port)
        if conflict is None or conflict.kind is not Conflict.LINGERING:
            return conflict
        loop = asyncio.get_running_loop()
        end = loop.time() + _MAX_WAIT
        post(e.Waiting(run.number, _MAX_WAIT))
        text = f"Waiting for connections of an earlier program to close on port {run.port}"
        post(e.Progress(run.number, "waiting", 0.0, text))
        while conflict is not None and conflict.kind is Conflict.LINGERING and loop.time() < end:
            await asyncio.sleep(_INTERVAL)
            if not wanted():
                return conflict
            conflict = self._before(run.port)
        if conflict is None:
            post(e.Waiting(run.number, 0.0))
        return conflict

    def _before(self, port: int | None) -> PortConflict | None:
        """Returns why a port is not available, before anything is launched."""
        if self._passed is not None and port is not None:
            try:
                self._passed.open(port)
                self._passed.renew()
            except OSError:
                state = self._port_state(port)
                return self._conflict(port, "in_use" if state == "free" else state)
            return None
        if port is None or port != self._backend.port:
            return None
        return self._conflict(port, self._port_state(port, plain=self._binds_plainly))

    def after(self, run: Run, output: bytes) -> PortConflict | None:
        """Returns why a run that was never ready could not get its port, None if it died of anything else. Its tree must be gone."""
        if run.ready_at is not None or run.port is None:
            return None
        printed = bind_failure(output, run.port)
        if self._passed is not None:
            return PortConflict(Conflict.PASSED) if printed else None
        named = any_bind_failure(output.decode("utf-8", "replace")) if printed is not None else None
        state = found = self._port_state(run.port)
        if printed == "forbidden" and run.port >= _FIRST_UNPRIVILEGED_PORT:
            is_confined = run.spec is not None and run.spec.confinement is not None
            may = state == "free" and FIRST_FREE_PORT and named is not None and named[1] != run.port
            if is_confined or may:
                return None  # the system, or its sandbox, allows it that port, so the failure is about another one
        if printed is None:
            return self._conflict(run.port, "free" if state == "lingering" else state)
        if state == "free":  # for this check, but not for the backend
            self._binds_plainly = self._port_state(run.port, plain=True) == "lingering"
            elsewhere = named is not None and named[0] == "in_use" and named[1] != run.port
            if elsewhere and not self._binds_plainly and ports.is_free_everywhere(run.port, self._port_state):
                return None  # it tried another port
            state = "lingering" if self._binds_plainly else "in_use"
        return self._conflict(run.port, "forbidden" if printed == "forbidden" and found != "in_use" else state)

    def _conflict(self, port: int, state: PortState) -> PortConflict | None:
        if state == "free":
            return None
        return PortConflict(Conflict(state), None if state == "lingering" else self._find_owner(port))
