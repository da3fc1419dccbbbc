"""Processes. The only package with platform code; this module selects the platform's implementation."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # the guardian imports this package, and does not load the typing module
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from typing import Any

    from .base import ListeningSocket, NotifyChannel, ProcessId, ProcessLayer
    from .spec import EarlyRun, LaunchSpec


def create_process_layer(guardian: Any, report: Callable[[str], None], folder: str, early: Any = None) -> ProcessLayer:
    """Creates this platform's layer. ``guardian``: None on Windows; ``report``: writes to the log; ``folder``: the data folder; ``early``: the run already launched."""
    if sys.platform == "win32":
        from .windows.layer import WindowsProcessLayer

        return WindowsProcessLayer(report, early)
    else:  # noqa: RET505 - the type checker skips this branch, not what follows a return
        from .posix import PosixProcessLayer

        return PosixProcessLayer(guardian, report, folder, early)


def launch_early(spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]) -> EarlyRun | None:
    """Launches the first run before the event loop exists; None if the layer has to. See each platform's early.py."""
    if sys.platform == "win32":
        from .windows.early import launch_early as launch
    else:
        from .early import launch_early as launch
    return launch(spec, folder, port=port, notes=notes)


def create_notify_channel(folder: Path) -> NotifyChannel | None:
    """Creates a channel bound in the folder; None if the system does not report who sent a datagram."""
    if sys.platform == "linux":
        from .notify import NotifySocket

        return NotifySocket(folder)
    return None


def _sockets() -> Any:
    if sys.platform == "linux":
        from . import sockets
    elif sys.platform == "win32":
        from .windows import sockets
    else:
        from . import portable as sockets
    return sockets


def find_listener(port: int) -> list[ListeningSocket]:
    """Returns the sockets that listen on a TCP port, machine-wide; ``pid`` is None if the system does not report it. Empty: no process."""
    return _sockets().find_listener(port)  # type: ignore[no-any-return]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """Returns the TCP sockets on which these processes listen; None if the system does not report them."""
    return _sockets().find_listeners_of(pids)  # type: ignore[no-any-return]


def process_name(pid: int) -> str | None:
    """Returns the short name of a process; None if it does not exist or is not visible."""
    if sys.platform == "win32":
        from .windows.lookup import name_of

        return name_of(pid) or None
    from .descendants import source

    entry = source().read_entry(pid)
    return entry.name if entry else None


def program_of(pid: int) -> str:
    """Returns the path of a process's program; empty if unknown. Windows only, whose firewall rules name programs."""
    if sys.platform == "win32":
        from .windows.lookup import program_of as find

        return find(pid)
    return ""


def end_process(process: ProcessId) -> bool:
    """Kills exactly this process, at once. False: it has ended, or we may not kill it."""
    if sys.platform == "win32":
        from .windows.lookup import terminate

        return terminate(process)
    import signal

    from .descendants import source

    entry = source().read_entry(process.pid)
    return entry is not None and entry.started == process.started and source().send(entry, int(signal.SIGKILL))
