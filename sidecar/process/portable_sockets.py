"""Listening TCP sockets without /proc, through psutil."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .base import ListeningSocket


def find_listener(port: int) -> list[ListeningSocket]:
    """Returns who listens on the port; macOS reports only processes of the same user, so others are missing."""
    import psutil

    try:
        found = _listening((item, item.pid) for item in psutil.net_connections("tcp"))
    except psutil.AccessDenied:  # macOS, without root
        found = [socket for pid in psutil.pids() for socket in find_listeners_of((pid,)) or ()]
    return [socket for socket in found if socket.port == port]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """Returns the sockets on which these processes listen; None if the system does not report them."""
    import psutil

    found: list[ListeningSocket] = []
    for pid in pids:
        try:
            found += _listening((item, pid) for item in psutil.Process(pid).net_connections("tcp"))
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            return None
    return found


def _listening(connections: Iterable[tuple[Any, int | None]]) -> list[ListeningSocket]:
    listening = ((item, pid) for item, pid in connections if item.laddr and item.status == "LISTEN")
    return [ListeningSocket(item.laddr[0], item.laddr[1], pid) for item, pid in listening]
