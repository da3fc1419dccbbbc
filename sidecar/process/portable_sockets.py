"""Listening TCP sockets where there is no /proc, through psutil."""

from __future__ import annotations

from collections.abc import Collection

from .base import ListeningSocket


def find_listener(port: int) -> list[ListeningSocket]:
    """Who listens on the port; macOS reports only processes of the same user, so others are missing."""
    return [found for found in _all_listeners() or () if found.port == port]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """The sockets on which these processes listen; None if the system does not report them."""
    import psutil

    found: list[ListeningSocket] = []
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            return None
        found += [
            ListeningSocket(item.laddr[0], item.laddr[1], pid)
            for item in connections
            if item.laddr and item.status == psutil.CONN_LISTEN
        ]
    return found


def _all_listeners() -> list[ListeningSocket] | None:
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS, without root
        found: list[ListeningSocket] = []
        for pid in psutil.pids():
            found += find_listeners_of((pid,)) or ()
        return found
    return [
        ListeningSocket(item.laddr[0], item.laddr[1], item.pid)
        for item in connections
        if item.laddr and item.status == psutil.CONN_LISTEN
    ]
