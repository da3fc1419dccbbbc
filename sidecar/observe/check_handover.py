"""Checks of what the backend is handed: the listening socket, and where to send notifications."""

from __future__ import annotations

from ..process.platform.ports import HAS_NOTIFICATIONS
from ..wire.observe import Check


def check_passed_socket(port: int | None, waiting: int | None) -> Check:
    """Where the sidecar listens for the backend.

    Args:
        port: None while it does not.
        waiting: connections that no run has taken so far; None: not known.
    """
    if port is None:
        return Check("passed_socket", "ok", "The sidecar listens for the backend as soon as it starts")
    many = (
        ""
        if waiting is None
        else f"; {waiting} connection{'s' * (waiting != 1)} wait{'s' * (waiting == 1)} to be taken"
    )
    return Check("passed_socket", "ok", f"The sidecar listens on port {port} for the backend{many}")


def check_notify(live_path: str) -> Check:
    """Whether the backend's notifications can be received."""
    if HAS_NOTIFICATIONS:
        return Check("notify", "ok", "The backend can report to NOTIFY_SOCKET")
    how = f"{live_path} answers" if live_path else "its port is open"
    return Check(
        "notify",
        "warning",
        f"backend.notify has no effect on this system; the backend is ready when {how}",
        "Ignore this on Linux; for other systems set backend.live_path.",
    )
