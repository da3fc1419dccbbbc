"""Ports: which one to use, and whether one is free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from typing import Literal

from ..process.platform.ports import set_server_options

PortState = Literal["free", "in_use", "forbidden"]

_LOOPBACK = "127.0.0.1"
_WSAEACCES = 10013
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL, _WSAEACCES}
_MAX_ATTEMPTS = 64


def _listening_socket() -> socket.socket:
    """A socket with the options that servers have, so that its bind succeeds exactly where theirs would."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    set_server_options(probe)
    return probe


def port_state(port: int) -> PortState:
    """Whether a server could listen on the port of 127.0.0.1 now. Tried by binding, so never ask while the backend is about to bind it.

    ``forbidden``: privileged, reserved by Windows (WSAEACCES), or held there exclusively by another program.
    """
    with _listening_socket() as probe:
        try:
            probe.bind((_LOOPBACK, port))
        except OSError as error:
            return "forbidden" if error.errno in _FORBIDDEN else "in_use"
    return "free"


def choose_port(last: int | None = None, tried: Collection[int] = ()) -> int:
    """The last port of this data folder if it is free (a stable origin keeps the page's localStorage), else any free one.

    Args:
        last: the port of the last run.
        tried: ports that failed in this start; none is returned again.

    Raises:
        OSError: the system has no port left.
    """
    if last and last not in tried and port_state(last) == "free":
        return last
    held: list[socket.socket] = []
    try:
        for _ in range(_MAX_ATTEMPTS):
            # Plain bind to 0: the system picks a port on which nothing lingers. Held until the end, so that it picks another next time.
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(probe)
            probe.bind((_LOOPBACK, 0))
            port: int = probe.getsockname()[1]
            if port not in tried:
                return port
    finally:
        for probe in held:
            probe.close()
    raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")
