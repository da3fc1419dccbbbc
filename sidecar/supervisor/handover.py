"""What a run is handed besides its command and environment: the listening socket, and where to send notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.events import State
from ..process.platform.ports import socket_variables
from ..process.spec import LaunchSpec
from ..settings.model import Settings
from ..wire.observe import StateChanged
from .stream import RunEnded, Stream

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket


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

    def add_to(self, spec: LaunchSpec) -> None:
        """Adds it to what the next run gets."""
        if self.socket is not None:
            variables, spec.pid_variables = socket_variables(self.socket.descriptor)
            spec.env |= variables
            spec.socket = self.socket.descriptor
        if self._notify_address is not None:
            spec.env["NOTIFY_SOCKET"] = self._notify_address
            if self._watchdog:
                spec.env["WATCHDOG_USEC"] = str(round(self._watchdog * 1_000_000))
                spec.pid_variables += ("WATCHDOG_PID",)


def keep_socket(passed: PassedSocket, stream: Stream, report: Callable[[str], None]) -> None:
    """Undoes what a run changed at the passed socket, and lets no client wait for a run that will not start."""

    def renew(_notice: RunEnded) -> None:
        try:
            passed.renew()
        except OSError as error:  # only if the run shut it down and another program took the port
            report(f"the passed socket no longer listens: {error.strerror}")

    def close(change: StateChanged) -> None:
        if change.state in (State.STOPPED, State.FAILED):
            passed.close()

    stream.may_hold = False
    stream.subscribe(RunEnded, renew)
    stream.subscribe(StateChanged, close)
