"""The listening socket that the sidecar keeps across all runs and passes to each of them (backend.socket = "pass")."""

import socket

from ..process.platform.ports import LOOPBACK, set_server_options
from ..process.sockets import waiting_on
from .ports import choose_port

BACKLOG = 4096
"""Maximum number of waiting connections: Linux's own limit since 5.4 (net.core.somaxconn); each system caps it at its limit."""
_MAX_ATTEMPTS = 8


class PassedSocket:
    """The socket; closed at first, and while no run would ever accept its connections. ``port``: where it listens; None while closed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.port: int | None = None

    @property
    def descriptor(self) -> int:
        """The descriptor, on Windows the handle; -1 while it is closed."""
        return self._socket.fileno() if self._socket is not None else -1

    def open_any(self, last: int | None) -> int:
        """Listens on the last port if it is free, otherwise on another, unless it is open already; returns the port. Raises OSError."""
        tried: set[int] = set()
        while self.port is None:
            port = choose_port(last, tried)
            try:
                self.open(port)
            except OSError:  # another program was faster
                tried.add(port)
                if len(tried) == _MAX_ATTEMPTS:
                    raise
        return self.port

    def open(self, port: int) -> None:
        """Listens on that port, unless it already does. Raises OSError if the port cannot be bound."""
        if self.port == port:
            return
        self.close()
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            set_server_options(server)
            server.bind((LOOPBACK, port))
            server.listen(BACKLOG)
        except OSError:
            server.close()
            raise
        self._socket, self.port = server, port

    def renew(self) -> None:
        """Undoes what a run did to the shared socket: a shorter backlog, a shutdown, another mode."""
        if self._socket is not None:
            self._socket.setblocking(True)
            self._socket.listen(BACKLOG)

    def close(self) -> None:
        """Closes it for every process that has it: on Linux shutdown(2) ends a listening socket, however many descriptors it has."""
        server, self._socket, self.port = self._socket, None, None
        if server is not None:
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # other systems only shut down connections
            server.close()

    def waiting(self) -> int | None:
        """How many connections no run has accepted yet; None while it is closed, or if the system does not report it."""
        return waiting_on(self.port) if self.port is not None else None
