"""The listening socket that the sidecar keeps over all runs and hands to each of them (backend.socket = "pass")."""

from __future__ import annotations

import socket

from ..process.platform.ports import LOOPBACK, set_server_options
from ..process.sockets import waiting_on
from .ports import choose_port

BACKLOG = 4096
"""Connections that may wait: what Linux allows since 5.4 (net.core.somaxconn); the system cuts it to its own limit."""
_MAX_ATTEMPTS = 8


class PassedSocket:
    """Closed at first, and while nothing would ever take what waits. ``port``: where it listens; None while it is closed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.port: int | None = None

    @property
    def descriptor(self) -> int:
        """A descriptor, on Windows a handle; -1 while it is closed."""
        return self._socket.fileno() if self._socket is not None else -1

    def open_any(self, last: int | None) -> int:
        """Listens on the last port where that is free, else on another; gives the port, also if it was open. Raises OSError."""
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
        """Listens on that port, if it does not yet; raises OSError where it cannot be bound."""
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
        """Undoes what a run did to the socket that it shares: a shorter backlog, a shutdown, another mode."""
        if self._socket is not None:
            self._socket.setblocking(True)
            self._socket.listen(BACKLOG)

    def close(self) -> None:
        """Ends it for all who hold it: Linux closes a listening socket by shutdown(2), however many descriptors it has."""
        server, self._socket, self.port = self._socket, None, None
        if server is not None:
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # other systems shut down connections alone
            server.close()

    def waiting(self) -> int | None:
        """How many connections no run has taken so far; None while it is closed, and where the system does not say."""
        return waiting_on(self.port) if self.port is not None else None
