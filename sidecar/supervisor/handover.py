"""What a run is handed besides its command and environment: the listening socket, and where to send notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..core.events import State
from ..process.platform.ports import socket_variables
from ..settings.model import Settings
from ..wire.messages import StateChanged
from .stream import RunEnded, Stream

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket


class Handed(NamedTuple):
    """Of one run; see LaunchSpec."""

    variables: dict[str, str]
    pid_variables: tuple[str, ...]
    socket: int


class Handover:
    """What runs get; nothing unless backend.notify is on or backend.socket = "pass". ``socket``: the passed one."""

    def __init__(self, settings: Settings, notify_address: str | None = None) -> None:
        """``notify_address``: the value of NOTIFY_SOCKET; None if it does not exist."""
        self.socket: PassedSocket | None = None
        self._watchdog = settings.health.watchdog
        self._notify_address = notify_address
        if settings.backend.socket == "pass":
            from ..backend.passed_socket import PassedSocket

            self.socket = PassedSocket()

    def prepare(self) -> Handed:
        """What the next run gets."""
        variables: dict[str, str] = {}
        names: tuple[str, ...] = ()
        if self.socket is not None:
            variables, names = socket_variables(self.socket.descriptor)
        if self._notify_address is not None:
            variables["NOTIFY_SOCKET"] = self._notify_address
            if self._watchdog:
                variables["WATCHDOG_USEC"] = str(round(self._watchdog * 1_000_000))
                names = (*names, "WATCHDOG_PID")
        return Handed(variables, names, self.socket.descriptor if self.socket is not None else -1)


class SocketKeeper:
    """Subscribes to the runs: changes to the passed socket are undone, and no client waits for a run that will not start."""

    def __init__(self, passed: PassedSocket, stream: Stream, report: Callable[[str], None]) -> None:
        """``report`` logs a sentence."""
        self._passed = passed
        self._report = report
        stream.subscribe(RunEnded, self._renew)
        stream.subscribe(StateChanged, self._close)

    def _renew(self, _notice: RunEnded) -> None:
        try:
            self._passed.renew()
        except OSError as error:  # only if the run shut it down and another program took the port
            self._report(f"the passed socket no longer listens: {error.strerror}")

    def _close(self, change: StateChanged) -> None:
        if change.state in (State.STOPPED, State.FAILED):
            self._passed.close()
