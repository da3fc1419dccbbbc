"""Crashes the backend, to show how the sidecar recovers."""

from __future__ import annotations

import psutil

from ..errors import SidecarError
from ..process import end_process
from ..process.identity import identify
from .client import Client

_TRIES = 3  # the state may move between two looks, but hardly twice in a row


class NotCrashedError(SidecarError):
    """Nothing was killed, and the message says why."""


async def crash_backend(client: Client) -> int:
    """Kills the backend's root process (SIGKILL, TerminateProcess) behind the sidecar's back; returns its pid.

    Between two answers of the sidecar about the same run the process is identified by pid and start time, which the kill checks
    again; it must descend from that sidecar. NotCrashedError: no process of ours can be killed. Else as ``Client.call``.
    """
    assert client.hello is not None
    for _ in range(_TRIES):
        before = await client.call("backend:status")
        pid = before["pid"]
        if not before["managed"]:
            raise NotCrashedError("The backend belongs to another program and is only watched; it was not touched")
        if pid is None:
            raise NotCrashedError(f"No process to crash: the backend is {before['state']}")
        process = identify(pid)
        after = await client.call("backend:status")
        if process is None or (after["pid"], after["since"]) != (pid, before["since"]):
            continue
        if not descends(pid, client.hello.pid):
            raise NotCrashedError(f"Process {pid} is not proven to be the sidecar's backend; it was not killed")
        if end_process(process):
            return pid  # type: ignore[no-any-return]  # of a payload that is plain data
    raise NotCrashedError("The backend kept changing its state; nothing was killed")


def descends(pid: int, ancestor: int) -> bool:
    """Whether ``ancestor`` is an ancestor of that process; False if unknown."""
    try:
        return any(parent.pid == ancestor for parent in psutil.Process(pid).parents())
    except (psutil.Error, OSError):
        return False
