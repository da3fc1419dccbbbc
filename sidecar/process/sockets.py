"""TCP sockets on Linux: netlink, else /proc, lists inodes; /proc/PID/fd shows who holds which inode. Finds nothing elsewhere."""

import errno
import itertools
import os
import sys
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from typing import Any, TypeVar

from ..core.cause import Cause
from . import tree
from .base import ListeningSocket
from .tree import PROC, TCP_LISTEN, tcp_sockets

T = TypeVar("T")

_ACCEPTS = 1 << 16  # __SO_ACCEPTCON of include/linux/net.h: it listens
_LINGERING = {4: "FIN_WAIT_1", 5: "FIN_WAIT_2", 6: "TIME_WAIT", 8: "CLOSE_WAIT", 9: "LAST_ACK", 11: "CLOSING"}
# After one of these netlink is not tried again: each time the kernel would start modprobe(8) for the missing module.
_FOR_GOOD = {errno.ENOENT, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM}
_refusals: set[int] = set()
_answered: list[bool] = []  # once netlink has answered
# Flags, inode and path. A path is any user's text, and may itself contain line breaks.
_UNIX_ROW = r"(?am)^[0-9A-Fa-f]+: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) [0-9A-F]{4} [0-9A-F]{2} +(\d{1,20}) (.+)$"
_DEBUGGING = "/dotnet-diagnostic-"  # every .NET program listens there, for dotnet-trace and others
# Descriptors of one process: a look at half a million, which any program may open, would hold the event loop for ten seconds.
_MAX_DESCRIPTORS = 8192
_ANY_NUMBER = itertools.repeat(None)
_MAX_OF_TREE = 4 * _MAX_DESCRIPTORS  # of all its processes: a thousand may each have as many as one


def find_listener(port: int) -> list[ListeningSocket]:
    """Returns who listens on the port; ``pid`` is None for another user's. OSError: no descriptor is left to look with."""
    wanted, describe, _ = _listening(port)
    if not wanted:
        return []
    owners: dict[int, int] = {}
    for name in os.listdir(PROC):  # noqa: PTH208 - names are all that is needed
        if name.isdigit() and len(owners) < len(wanted):
            for inode in _held_by(int(name), wanted) or ():
                owners.setdefault(inode, int(name))
    return [describe(one)._replace(pid=owners.get(inode)) for inode, one in wanted.items()]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """Returns the sockets on which these processes listen, each with the last process that holds it; None if one may not be inspected.

    Of a huge number of descriptors only those of the first processes are looked at; None if these do not listen.
    """
    try:
        listening, describe, port_of = _listening()
    except OSError:  # no descriptor is left to look with
        return None
    found: dict[int, ListeningSocket] = {}
    left = iter(range(_MAX_OF_TREE))
    for pid in pids:
        inodes = _held_by(pid, listening, left)
        if inodes is None:
            return None
        for inode in inodes:
            found[inode] = describe(listening[inode])._replace(pid=pid)
        if next(left, None) is None:
            return list(found.values()) or None
    others = {port_of(one) for inode, one in listening.items() if inode not in found} if found else set()
    return [one._replace(shared=one.port in others) for one in found.values()]


def is_listening(port: int) -> bool | None:
    """Whether a connection to the port of 127.0.0.1 would find a listener; None if only a connection can tell."""
    if not _answered:  # the query below gets the same error for "no such socket" and "no such module"
        if _by_netlink(lambda diag: diag.listening()) is None:
            return None
        _answered.append(True)
    return _by_netlink(lambda diag: bool(diag.is_listening(port)))


def find_unix_socket(pids: Collection[int]) -> str:
    """Returns the path of a Unix socket on which one of these processes listens (@ for an abstract one); empty: none found."""
    import re

    try:
        with open(f"{PROC}/net/unix", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - not a path of the user's
            rows = re.findall(_UNIX_ROW, file.read())
    except OSError:
        return ""
    named = {int(inode): path for flags, inode, path in rows if int(flags, 16) & _ACCEPTS and _DEBUGGING not in path}
    return next((named[inode] for pid in pids for inode in _held_by(pid, named) or ()), "")


def lingering(port: int) -> frozenset[str]:
    """Returns the states of the connections on the port that no process holds; empty if a process holds any, if there are none, and off Linux."""
    found: list[tuple[int, int]] | None = _by_netlink(lambda diag: diag.states_on(port))
    if found is None:
        found = [(state, inode) for state, _, at, inode in tcp_sockets() if at == port]
    if any(inode for _, inode in found):
        return frozenset()
    return frozenset(_LINGERING[state] for state, _ in found if state in _LINGERING)


def waiting_on(port: int) -> int | None:
    """Returns how many connections to the port wait to be accepted; None without netlink, and off Linux."""
    return _by_netlink(lambda diag: int(diag.waiting_on(port)))


def _listening(port: int = 0) -> tuple[dict[int, Any], Callable[[Any], ListeningSocket], Callable[[Any], int]]:
    """Returns inode → listening socket on the port (0: any) of this network namespace, as two functions take it: one describes it, one returns its port.

    It has no owner; /proc does not show IPV6_V6ONLY.
    """
    found: Any = _by_netlink(lambda diag: (diag.listening(port), diag.describe, diag.port_of))
    if found is None:
        table = _listening_in_proc().items()
        found = {inode: one for inode, one in table if port in {0, one.port}}, lambda one: one, lambda one: one.port
    return found  # type: ignore[no-any-return]


def _by_netlink(ask: Callable[[Any], T]) -> T | None:
    """Returns the kernel's answer; None without CONFIG_INET_DIAG, or in a sandbox without netlink."""
    if sys.platform == "linux" and not _refusals:
        from . import sock_diag

        try:
            return ask(sock_diag)
        except OSError as error:
            if error.errno in _FOR_GOOD:
                _refusals.add(error.errno)
    return None


def _listening_in_proc() -> dict[int, ListeningSocket]:
    return {
        inode: ListeningSocket(parse_address(address), port, None)
        for state, address, port, inode in tcp_sockets()
        if state == TCP_LISTEN
    }


def has_listener(pid: int, port: int) -> bool:
    """Whether any socket listens on the port in that process's network namespace."""
    return any(state == TCP_LISTEN and at == port for state, _, at, _ in tcp_sockets(str(pid)))


def parse_address(text: bytes) -> str:
    """Parses an address as the tables print it: 32-bit words, each in the machine's byte order."""
    import socket

    raw = bytes.fromhex(text.decode())
    if sys.byteorder == "little":
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _held_by(pid: int, wanted: Container[int], left: Iterable[Any] = _ANY_NUMBER) -> list[int] | None:
    """Returns which of the sockets a process holds, by inode; empty if it has ended, None if it cannot be inspected.

    Of a huge number of descriptors only the lowest are looked at; None if these do not include a wanted one. ``left``: an item for
    each descriptor that may still be looked at.
    """
    try:
        folder = f"{PROC}/{pid}/fd"
        names = _lowest(folder, left)
        if not names:  # a main thread that has ended shows no descriptors; any living thread has them all
            folder = f"{PROC}/{pid}/task/{max(map(int, os.listdir(f'{PROC}/{pid}/task')), default=pid)}/fd"  # noqa: PTH208 - names are all that is needed
            names = _lowest(folder, left)
        found = [inode for inode in _read_socket_links(folder, names) if inode in wanted]
    except (FileNotFoundError, ProcessLookupError):
        return []
    except OSError:  # not allowed, or no descriptor is left to look with
        return None
    return found if found or len(names) < _MAX_DESCRIPTORS else None


def _lowest(folder: str, left: Iterable[Any]) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry, _ in itertools.islice(zip(entries, left), _MAX_DESCRIPTORS)]  # noqa: B905


def _read_socket_links(folder: str, names: list[str]) -> Iterator[int]:
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - not a path of the user's
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield int(target[8:-1])


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
    """Returns what keeps these processes from serving the port, as part of a sentence, and the remedy; None: nothing found."""
    own = tree.link(os.getpid(), "ns/net")
    for entry in filter(None, map(tree.read_entry, pids)):
        if entry.state == "T":
            return _STOPPED.filled(name=entry.name, pid=entry.pid)
        if port is not None and tree.link(entry.pid, "ns/net") not in {"", own} and has_listener(entry.pid, port):
            return _APART.filled(name=entry.name, pid=entry.pid, port=port)
    return None
