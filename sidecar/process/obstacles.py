"""What keeps processes that live from serving, as /proc shows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

from ..core.cause import Cause
from . import tree
from .sockets import listens_apart

assert sys.platform == "linux"

_STOPPED = Cause(
    "its process {name} (pid {pid}) is stopped",
    "Continue it: kill -CONT {pid}. SIGSTOP, Ctrl+Z or a debugger stopped it, or it stopped itself.",
)
_APART = Cause(
    "{name} (pid {pid}) listens on port {port} in its own network namespace, which 127.0.0.1 does not reach",
    "Start it in the network of this machine: without unshare --net, bwrap --unshare-net or firejail --net. If another"
    ' program forwards the port to it, set backend.listener = "any".',
)


def find_obstacle(pids: Collection[int], port: int | None) -> Cause | None:
    """The first one, as a part of a sentence and its remedy; None: none is seen."""
    own = tree.link(os.getpid(), "ns/net")
    for entry in filter(None, map(tree.read_entry, pids)):
        if entry.state == "T":
            return _STOPPED.filled(name=entry.name, pid=entry.pid)
        if port is not None and tree.link(entry.pid, "ns/net") not in {"", own} and listens_apart(entry.pid, port):
            return _APART.filled(name=entry.name, pid=entry.pid, port=port)
    return None
