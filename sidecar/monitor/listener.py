"""Whose socket is on the run's port, and which port that is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from ..process.base import ListeningSocket
from ..process.platform.ports import HOLDERS_ARE_KNOWN, LOOPBACK
from ..settings.model import Backend
from ..supervisor import Supervisor
from ..supervisor.run import is_reached

_SECOND_LOOK = 0.05  # seconds; the socket table and the process table are not read at the same moment, so look twice

Listener = tuple[Literal["own", "foreign", "closed", "unknown"], ListeningSocket | None]
"""Whose socket is on a port, and that socket, if known. ``closed``: none is. ``unknown``: the system does not say whose."""


class ListenerLook(Struct, eq=False):
    """Looks at the sockets of the newest run."""

    _supervisor: Supervisor
    _find_listener: Callable[[int], list[ListeningSocket]]
    is_listening: Callable[[int], bool]
    _backend: Backend

    @property
    def _passed(self) -> bool:
        return self._backend.socket == "pass"  # the sidecar listens there, so no other program can

    async def at(self, port: int) -> Listener:
        own = self._at(port)
        if own is not None and (not own or self._rival(own)):
            await asyncio.sleep(_SECOND_LOOK)
            own = self._at(port)
        if own is None or own:
            rival = self._rival(own or ())
            mine = own[-1] if own else None
            return "unknown" if own is None else "own" if rival is None else "foreign", rival or mine
        if self._passed:
            return "closed", None
        try:
            found = self._find_listener(port)
        except OSError:  # out of descriptors: the next look will tell
            return "closed", None
        others = [socket for socket in found if is_reached(socket)]
        if not others and not self.is_listening(port):
            return "closed", None
        if self._backend.listener == "any":  # such as a program that forwards the port to the run
            return "unknown", None
        return "foreign", others[0] if others else None

    def ports(self) -> set[int]:
        """Returns the ports on which the run's tree can be reached on 127.0.0.1; empty if the system does not say."""
        return {socket.port for socket in self._reached() or ()}

    def owns(self, port: int) -> bool | None:
        own = self._at(port)
        return None if own is None else bool(own)

    def elsewhere(self, port: int) -> tuple[ListeningSocket, ...]:
        """Returns where the run's tree listens, except on this port of 127.0.0.1."""
        run = self._supervisor.run
        sockets = run.listeners() if run is not None else None
        return tuple(socket for socket in sockets or () if (socket.address, socket.port) != ("127.0.0.1", port))

    def _rival(self, own: Sequence[ListeningSocket]) -> ListeningSocket | None:
        """Returns the socket of another program that gets some or all connections to the port; the more specific address wins."""
        run = self._supervisor.run
        if self._backend.listener == "any" or run is None or not any(socket.shared for socket in own):
            return None
        tree = {process.pid for process in run.process.processes()} if run.process is not None else set()
        exact = any(socket.address == LOOPBACK for socket in own)
        try:
            found = self._find_listener(own[0].port)
        except OSError:
            return None
        rivals = (socket for socket in found if is_reached(socket) and socket.pid not in {None, *tree})
        return next((socket for socket in rivals if socket.address == LOOPBACK or not exact), None)

    def _at(self, port: int) -> list[ListeningSocket] | None:
        sockets = self._reached()
        return None if sockets is None else [socket for socket in sockets if socket.port == port]

    def _reached(self) -> list[ListeningSocket] | None:
        """Returns the sockets on which the run's tree can be reached on 127.0.0.1; None if the system does not say."""
        run = self._supervisor.run
        sockets = run.listeners() if run is not None else None
        if sockets is None or (self._passed and not HOLDERS_ARE_KNOWN):
            return None
        return [socket for socket in sockets if is_reached(socket)]


def other_port(ports: set[int], given: int, printed: int | None, *, in_command: bool) -> int | None:
    """Returns which of its ports the run uses instead of the ``given`` one; None if unclear.

    ``in_command``: its command contains the given port, so a single other socket may be for something else.
    """
    if given in ports or not ports:
        return None
    if printed in ports:
        return printed
    return next(iter(ports)) if len(ports) == 1 and not in_command else None
