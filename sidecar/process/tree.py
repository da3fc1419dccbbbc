"""The process table on Linux, read from /proc, and signals to one entry that a reused pid cannot misdirect.

The guardian uses this, so it imports only what the interpreter has loaded anyway.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import errno
import os
import sys

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

EXACT = sys.platform == "linux"
"""Whether the whole tree is known: below a subreaper, which inherits orphans, in /proc. Elsewhere (macOS) portable.py knows part of it."""
HIDDEN = "?"
TCP_LISTEN = 10  # include/net/tcp_states.h


def _find_proc() -> str:
    """Returns /proc; the null device, below which nothing is found, if it is missing or an outer pid namespace's, where our pids mean other processes."""
    try:
        return "/proc" if os.readlink("/proc/self") == str(os.getpid()) else os.devnull  # noqa: PTH115 - pathlib is not loaded
    except OSError:
        return os.devnull


PROC = _find_proc()


class Entry:
    """One process at one moment. ``pid`` and ``started`` together are its identity."""

    # Written out: Fields takes 2 us more, a sixth of reading one process, and a look may read thousands.
    __slots__ = ("group", "name", "parent", "pid", "session", "started", "state", "threads")

    def __init__(
        self,
        pid: int,
        parent: int,
        session: int,
        *,
        started: float,
        state: str,
        name: str,
        group: int = 0,
        threads: int = 1,
    ) -> None:
        self.pid = pid
        self.parent = parent
        self.session = session
        self.started = started  # clock ticks since boot on Linux, elsewhere seconds since 1970
        self.state = state  # the letter of proc(5) for the main thread; HIDDEN: /proc does not show it
        self.name = name
        self.group = group
        self.threads = threads  # living threads, the main one included

    @property
    def key(self) -> tuple[int, float]:
        """The identity."""
        return (self.pid, self.started)

    @property
    def alive(self) -> bool:
        """Whether it is not a zombie. If only the main thread has ended (pthread_exit), it lives on in its other threads."""
        return self.state not in "ZXx" or (self.state == "Z" and self.threads > 1)


def read_entry(pid: int) -> Entry | None:
    """Returns the entry of one process; None if it does not exist."""
    return parse_stat(read_stat(pid))


def read_stat(pid: int) -> bytes:
    """Returns the raw line of proc_pid_stat(5); empty if the process does not exist."""
    try:
        fd = os.open(f"{PROC}/{pid}/stat", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(fd, 1024)
    except OSError:  # ESRCH: it ended between open and read
        return b""
    finally:
        os.close(fd)


def parse_stat(data: bytes) -> Entry | None:
    """Parses ``stat`` of proc(5). The name is in parentheses and may itself contain parentheses and blanks."""
    begin, end = data.find(b"("), data.rfind(b")")
    if begin < 0 or end < 0:
        return None
    fields = data[end + 2 :].split(None, 20)
    if len(fields) < 20:
        return None
    return Entry(
        pid=int(data[:begin]),
        parent=int(fields[1]),
        session=int(fields[3]),
        started=float(fields[19]),
        state=chr(fields[0][0]),
        group=int(fields[2]),
        threads=int(fields[17]),
        name=data[begin + 1 : end].decode("utf-8", "replace"),
    )


def link(pid: int, name: str) -> str:
    """Returns the target of a link in the process's /proc folder; empty if it cannot be read."""
    try:
        return os.readlink(f"{PROC}/{pid}/{name}")  # noqa: PTH115 - pathlib is not loaded in the guardian
    except OSError:
        return ""


def pids() -> list[int]:
    """Returns the pid of every visible process."""
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - pathlib is not loaded
    except OSError:  # no /proc, or no descriptor left
        return []


def table() -> dict[int, Entry]:
    """Returns every visible process by its pid, except those that end meanwhile."""
    return {entry.pid: entry for entry in map(read_entry, pids()) if entry is not None}


def walk(roots: Collection[int]) -> Iterator[Entry]:
    """Yields everything below ``roots``, parents first.

    Yields an entry before listing its children: a caller that stops each one at once finds all children, and catches a process
    that keeps forking and exiting within microseconds of its birth.
    """
    if not can_list_children():
        yield from descendants(table(), roots)
        return
    seen = set(roots)
    for parents in (list(roots), list(roots)):  # twice: a process that ends meanwhile leaves its children to a root
        for parent in parents:
            for pid in children(parent):
                entry = None if pid in seen else read_entry(pid) or _hidden(pid, parent)
                if entry is not None and entry.parent == parent:  # else its parent has ended since
                    seen.add(pid)
                    yield entry
                    parents.append(pid)


def _hidden(pid: int, parent: int) -> Entry | None:
    """Returns a living child that /proc does not show: with hidepid, one that we may not trace (setcap, PR_SET_DUMPABLE)."""
    try:
        os.kill(pid, 0)
    except PermissionError:  # it has changed its user
        pass
    except OSError:
        return None
    return Entry(pid, parent, 0, started=0.0, state=HIDDEN, name=HIDDEN)


def can_list_children() -> bool:
    """Whether children can be listed: the kernel has CONFIG_PROC_CHILDREN, as in all large distributions."""
    try:
        os.close(os.open(f"{PROC}/self/task/{os.getpid()}/children", os.O_RDONLY))
    except OSError:  # also if no descriptor is left: an empty list would mean that all children have ended
        return False
    return True


def children(pid: int) -> list[int]:
    """Returns the pids of a process's children; /proc lists each under the thread that forked it."""
    found: list[int] = []
    try:
        for thread in threads(pid):
            with open(f"{PROC}/{pid}/task/{thread}/children", "rb", buffering=0) as file:  # noqa: PTH123 - as above
                found += map(int, (file.readall() or b"").split())
    except OSError:  # it has ended, and its children have another parent
        pass
    return found


def threads(pid: int) -> list[str]:
    """Returns the ids of a process's threads; empty if they cannot be read."""
    try:
        return os.listdir(f"{PROC}/{pid}/task")  # noqa: PTH208 - pathlib is not loaded in the guardian
    except OSError:
        return []


def is_running_child(pid: int = 0) -> bool:
    """Whether that child of this process is still running; 0: whether there are children and none waits to be reaped."""
    if sys.platform != "linux":
        return False
    try:
        return os.waitid(os.P_PID if pid else os.P_ALL, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def descendants(entries: Mapping[int, Entry], roots: Collection[int], *, without: Collection[int] = ()) -> list[Entry]:
    """Returns everything below ``roots``, from a table read earlier. ``without``: left out, with all below them."""
    children: dict[int, list[Entry]] = {}
    for entry in entries.values():
        children.setdefault(entry.parent, []).append(entry)
    found: list[Entry] = []
    seen = set(roots) | set(without)
    level = list(roots)
    while level:
        below = [child for pid in level for child in children.get(pid, ()) if child.pid not in seen]
        seen.update(child.pid for child in below)
        found += below
        level = [child.pid for child in below]
    return found


def send(entry: Entry, number: int) -> bool:
    """Sends a signal to exactly this process or to none. False if it has ended, or we may not signal it.

    A pidfd refers to one process, and the start time read while it is open proves that it is the right one. Without a pidfd the start
    time is checked just before the kill. A hidden entry is our own unreaped child, whose pid cannot be reused.
    """
    fd = open_pidfd(entry.pid)
    try:
        now = read_entry(entry.pid)
        if entry.state == HIDDEN:
            if not is_running_child(entry.pid):
                return False
        elif now is None or now.started != entry.started:
            return False
        if sys.platform == "linux" and fd >= 0:
            signal.pidfd_send_signal(fd, number)
        else:
            os.kill(entry.pid, number)
    except OSError:  # ESRCH: it ended; EPERM: it changed its user, and will be reported as a survivor
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True


def open_pidfd(pid: int) -> int:
    """Returns a pidfd; -1 if the process has ended, the kernel is older than 5.3, no descriptor is left, or off Linux."""
    if sys.platform == "linux":
        try:
            return os.pidfd_open(pid)
        except (OSError, AttributeError):
            pass
    return -1


def tcp_sockets(pid: str = "self", limit: int = -1) -> Iterator[tuple[int, bytes, int, int]]:
    """Yields state, address as the tables print it, port and inode of every TCP socket in the process's network namespace, those that listen first.

    ``limit``: how many bytes of a table are read; -1: all. OSError: no descriptor is left to look with.
    """
    for table in ("tcp", "tcp6") if EXACT else ():
        try:
            with open(f"/proc/{pid}/net/{table}", "rb") as file:  # noqa: PTH123 - as above
                lines = file.readlines(limit)[1:]
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                raise
            continue  # no IPv6
        for line in lines:
            fields = line.split(None, 10)
            address, _, port = fields[1].partition(b":")
            yield int(fields[3], 16), address, int(port, 16), int(fields[9])


def environment(pid: int) -> list[bytes]:
    """Returns the environment with which the process was started, as ``NAME=value``; empty if we may not read it."""
    content = read_file(f"{PROC}/{pid}/environ")
    if not content and (entry := read_entry(pid)) is not None and entry.state == "Z" and entry.alive:
        # The main thread has ended and has no memory any more; the other threads still show it.
        content = b"\0".join(read_file(f"{PROC}/{pid}/task/{one}/environ") for one in threads(pid))
    return content.split(b"\0")


def read_file(path: str) -> bytes:
    """Returns the content of a file; empty if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.readall() or b""
    except OSError:
        return b""
