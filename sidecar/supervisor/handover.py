"""What a run gets besides its command and environment: the listening socket, and where to send notifications."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.events import State
from ..process import create_notify_channel
from ..process.base import NotifyChannel
from ..process.platform.ports import socket_variables
from ..process.spec import LaunchSpec
from ..settings.model import Paths, Settings
from ..wire.observe import StateChanged
from .stream import RunEnded, Stream

if TYPE_CHECKING:
    from ..backend.passed_socket import PassedSocket


class Handover:
    """What runs get, with backend.notify or backend.socket = "pass". ``socket``: the passed one; ``channel``: for notifications."""

    def __init__(self, settings: Settings, paths: Paths, report: Callable[[str], None]) -> None:
        self.socket: PassedSocket | None = None
        self.channel: NotifyChannel | None = None
        self._watchdog = settings.health.watchdog
        self._report = report
        if settings.backend.socket == "pass":
            from ..backend.passed_socket import PassedSocket

            self.socket = PassedSocket()
        if settings.backend.notify:
            self.channel = create_notify_channel(Path(paths.data))
            if self.channel is None:
                report("backend.notify has no effect here: only Linux can prove the sender of a notification")

    def add_to(self, spec: LaunchSpec) -> None:
        if self.socket is not None:
            variables, spec.pid_variables = socket_variables(self.socket.descriptor)
            spec.env |= variables
            spec.socket = self.socket.descriptor
        if self.channel is not None:
            spec.env["NOTIFY_SOCKET"] = self.channel.address
            if self._watchdog:
                spec.env["WATCHDOG_USEC"] = str(round(self._watchdog * 1_000_000))
                spec.pid_variables += ("WATCHDOG_PID",)

    def follow(self, stream: Stream) -> None:
        """Subscribes: undoes what a run changed on the passed socket, and closes it if no run will start, so that no client waits."""
        if self.socket is not None:
            stream.may_hold = False
            stream.subscribe(RunEnded, self._renew)
            stream.subscribe(StateChanged, self._close_socket)

    def close(self) -> None:
        if self.channel is not None:
            self.channel.close()

    def _renew(self, _notice: RunEnded) -> None:
        assert self.socket is not None
        try:
            self.socket.renew()
        except OSError as error:  # only if the run shut it down and another program took the port
            self._report(f"the passed socket no longer listens: {error.strerror}")

    def _close_socket(self, change: StateChanged) -> None:
        if self.socket is not None and change.state in (State.STOPPED, State.FAILED):
            self.socket.close()
