"""The process table without /proc: the same functions as tree.py, through psutil; a memory of the tree; and sockets.

Without a subreaper, ancestry is lost when a parent ends. So the tree is read repeatedly, and what was seen stays known. A
process is ours if its parent is, if one of ours opened its session, or if our marker is in its environment. A process escapes
if it left its session, lost its parent between two looks *and* cleared its environment.
"""

from __future__ import annotations

import os
import sys

import psutil

from .tree import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from .base import ListeningSocket


def pids() -> list[int]:
    return psutil.pids()


def table() -> dict[int, Entry]:
    return {entry.pid: entry for entry in map(read_entry, pids()) if entry is not None}


def read_entry(pid: int) -> Entry | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            state = "Z" if process.status() == psutil.STATUS_ZOMBIE else _STATES.get(process.status(), "S")
            return Entry(
                pid,
                process.ppid(),
                _ask("getsid", pid),
                started=process.create_time(),
                state=state,
                name=process.name(),
                group=_ask("getpgid", pid),
                threads=process.num_threads() if state == "Z" and sys.platform == "linux" else 1,
            )
    except (psutil.Error, OSError):
        return None


_STATES = {"stopped": "T", "tracing-stop": "t", "dead": "X", "disk-sleep": "D", "running": "R"}


def _ask(name: str, pid: int) -> int:
    try:
        return int(getattr(os, name)(pid))
    except OSError:
        return 0


def send(entry: Entry, number: int) -> bool:
    now = read_entry(entry.pid)
    if now is None or now.started != entry.started:
        return False
    try:
        os.kill(entry.pid, number)
    except OSError:
        return False
    return True


def environment(pid: int) -> list[bytes]:
    try:
        return [os.fsencode(f"{name}={value}") for name, value in psutil.Process(pid).environ().items()]
    except (psutil.Error, OSError):
        return []


class Memory:
    """All processes ever seen of one tree that are still alive."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, float], Entry] = {}
        self._sessions: set[int] = set()

    def add_root(self, entry: Entry) -> None:
        """Adds the backend, which leads its own session."""
        self._known[entry.key] = entry
        self._sessions.add(entry.pid)

    def look(self, entries: Mapping[int, Entry], marker: bytes | None = None) -> list[Entry]:
        """Returns the tree as it is now, parents first. With a marker, reads the environment of every process too."""
        known = {entry.pid: entry for entry in entries.values() if entry.key in self._known}
        self._sessions &= {entry.session for entry in entries.values()} | {entry.pid for entry in known.values()}
        grown = True
        while grown:
            grown = False
            for entry in entries.values():
                if entry.pid not in known and (entry.parent in known or entry.session in self._sessions):
                    known[entry.pid] = entry
                    grown = True
            self._sessions |= {entry.session for entry in known.values() if entry.session == entry.pid}
        if marker is not None:
            me = os.getpid()
            for entry in entries.values():
                if entry.pid not in known and entry.pid != me and marker in environment(entry.pid):
                    known[entry.pid] = entry
        self._known = {entry.key: entry for entry in known.values()}
        return [entry for entry in known.values() if entry.alive]


def find_listener(port: int) -> list[ListeningSocket]:
    """Returns who listens on the port; macOS reports only processes of the same user, so others are missing."""
    try:
        found = _listening((item, item.pid) for item in psutil.net_connections("tcp"))
    except psutil.AccessDenied:  # macOS, without root
        found = [socket for pid in psutil.pids() for socket in find_listeners_of((pid,)) or ()]
    return [socket for socket in found if socket.port == port]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """Returns the sockets on which these processes listen; None if the system does not report them."""
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
    from .base import ListeningSocket  # the guardian does not load it

    listening = ((item, pid) for item, pid in connections if item.laddr and item.status == "LISTEN")
    return [ListeningSocket(item.laddr[0], item.laddr[1], pid) for item, pid in listening]
