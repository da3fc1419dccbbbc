"""Ports: which one to use, and whether one is free."""

from __future__ import annotations

import _socket as socket  # enough here; importing the module socket takes 3 ms
import errno

from ..process.platform.ports import DENIES_TAKEN_PORTS, LOOPBACK, is_listening, set_server_options
from ..settings.checks import UNSAFE_PORTS

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Literal

    PortState = Literal["free", "lingering", "in_use", "forbidden"]

_WSAEACCES = 10013
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL, _WSAEACCES}
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_MAX_ATTEMPTS = 64


def port_state(port: int, *, plain: bool = False, address: str = LOOPBACK) -> PortState:
    """Whether a server could listen on the port now, tested by binding it; do not call this while the backend is about to bind it.

    ``lingering``: only connections of an earlier program are left, which the system has not closed yet ·
    ``forbidden``: privileged, reserved by Windows (WSAEACCES), or held exclusively by another program.
    ``plain``: for a server that does not set the usual options, above all SO_REUSEADDR.
    """
    state = _bindable(port, plain=plain, address=address)
    if state == "in_use":
        from ..process.sockets import lingering  # not imported for the first launch

        return "lingering" if lingering(port) else state
    return state


def _bindable(port: int, *, plain: bool = False, address: str = LOOPBACK) -> PortState:
    """Like ``port_state``, but never ``lingering``: to detect that takes an import that the first launch avoids."""
    probe = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if not plain:
            set_server_options(probe)
        probe.bind((address, port))
    except OSError as error:
        is_taken = error.errno not in _FORBIDDEN or (DENIES_TAKEN_PORTS and is_listening(port))
        return "in_use" if is_taken else "forbidden"
    finally:
        probe.close()
    return "free"


def loopback_error() -> OSError | None:
    """Why 127.0.0.1 cannot be reached (its interface is down); None if it can. Nothing is sent."""
    probe = None
    try:
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.connect((LOOPBACK, 9))  # for a datagram socket this only looks up the route
    except OSError as error:
        return error if error.errno in _UNREACHABLE else None
    finally:
        if probe is not None:
            probe.close()
    return None


def is_free_everywhere(port: int, state: Callable[..., PortState]) -> bool:
    """Whether a server could listen on all addresses, also of IPv6, as Node does by default; another program may have the port on one."""
    try:
        taken = state(port, address="::") == "in_use"
    except OSError:  # the system has no IPv6
        taken = False
    return not taken and state(port, address="0.0.0.0") == "free"  # noqa: S104 - only tested


def choose_port(last: int | None = None, tried: Collection[int] = ()) -> int:
    """The last port if free (a stable origin keeps localStorage), else another that Chromium accepts, not ``tried``. Raises OSError."""
    if last and last not in tried and last not in UNSAFE_PORTS and _bindable(last) == "free":
        return last
    held: list[socket.socket] = []
    here = 0
    try:
        for _ in range(_MAX_ATTEMPTS):
            # Plain bind to 0: the system picks a port on which nothing lingers. Held until the end, so that it picks another next time.
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(probe)
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
            if port not in tried and port not in UNSAFE_PORTS:
                probe.close()
                if is_free_everywhere(port, _bindable):
                    return port
                here = here or port
    finally:
        for probe in held:
            probe.close()
    if here:  # a flood of connections left something on each port's other addresses
        return here
    raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")
