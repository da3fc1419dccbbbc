"""What the stop signal would do to a process, and through it to others, as far as /proc shows."""

from __future__ import annotations

import os

from .tree import PROC, TCP_LISTEN, link, read_file, tcp_sockets, walk

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Container

    from .tree import Entry

_SHELLS = ("sh", "dash", "bash", "zsh", "ksh", "ksh93", "mksh", "lksh", "ash", "busybox", "posh", "yash", "fish")
_IMPATIENT = ("su", "runuser", "script")  # kill their children 2 s after the signal (util-linux)
_MAX_TREE = 200  # processes; of more, each is asked without a look at whose output it reads
_MAX_DESCRIPTORS = 256  # of one process that are looked at
_MAX_TABLE = 1 << 20  # bytes; any user may open half a million
_MAX_LOOK = 16  # descendants; a namespace begins among the first, and a tree that keeps forking has no last one


def disposition(pid: int, number: int) -> str:
    """Returns what a process does with a signal: ``ignore``, ``pending`` (not delivered yet), ``catch`` (or sigwait), ``default``; empty: unknown."""
    status = read_file(f"{PROC}/{pid}/status")
    for name, action in ((b"ShdPnd:", "pending"), (b"SigIgn:", "ignore"), (b"SigCgt:", "catch"), (b"SigBlk:", "catch")):
        _, found, rest = status.partition(b"\n" + name)
        if not found:
            return ""
        if int(rest.split(None, 1)[0], 16) >> (number - 1) & 1:
            return action
    # The first process of a pid namespace gets only those signals from outside that it catches (pid_namespaces(7)).
    inside = status.partition(b"\nNSpid:")[2].partition(b"\n")[0].split()
    return "ignore" if inside[1:] and inside[-1] == b"1" else "default"


def is_shell(pid: int) -> bool:
    """Whether the process is a shell, by its program: a process that runs a script may have the script's name."""
    name = link(pid, "exe").rpartition("/")[2]
    return name.removesuffix(" (deleted)") in _SHELLS  # an upgrade replaced the file


def is_impatient(name: str) -> bool:
    """Whether a launcher with that name kills its children soon after it was asked to end."""
    return name in _IMPATIENT


def holds_namespace(pid: int) -> bool:
    """Whether the process has put others into a namespace that would die with it (bwrap --die-with-parent)."""
    own = link(pid, "ns/mnt")
    for count, entry in enumerate(walk((pid,)) if own else ()):
        if entry.alive and link(entry.pid, "ns/mnt") not in {"", own}:
            return True
        if count == _MAX_LOOK:
            break
    return False


def holds_terminal(holder: Entry, living: list[Entry], catching: Container[tuple[int, float]]) -> bool:
    """Whether a child with a handler runs in a terminal that the holder made (unbuffer, pty.spawn): the holder's end hangs it up."""
    inside = (e for e in living if e.parent == holder.pid and e.key in catching)
    if not any(link(entry.pid, "fd/1").startswith("/dev/pts/") for entry in inside):
        return False
    return any(link(holder.pid, f"fd/{number}").endswith("/ptmx") for number in _descriptors(holder.pid))


def reads_output(
    reader: Entry, living: list[Entry], catching: Container[tuple[int, float]], *, would_die: bool
) -> bool:
    """Whether the reader reads what a process with a handler prints (server | grep | tee log): without it the next line would end that process.

    A reader with a handler counts only if its stdin is that pipe: a launcher with a handler forwards the signal.
    """
    ends = _read_ends(reader.pid, all_descriptors=would_die)
    if not ends or len(living) > _MAX_TREE:
        return False
    # One process after the other, each once: a backend may connect each of its processes with each other.
    others = [(e, {link(e.pid, "fd/1"), link(e.pid, "fd/2")}) for e in living if e.pid != reader.pid]
    while writers := [entry for entry, outputs in others if not outputs.isdisjoint(ends)]:
        if any(entry.key in catching for entry in writers):
            return True
        others = [(entry, outputs) for entry, outputs in others if outputs.isdisjoint(ends)]
        ends = {end for entry in writers for end in _read_ends(entry.pid, all_descriptors=False)}
    return False


def listening() -> set[str]:
    """Returns the TCP sockets that listen, as the links of descriptors name them."""
    try:
        return {f"socket:[{inode}]" for state, _, _, inode in tcp_sockets(limit=_MAX_TABLE) if state == TCP_LISTEN}
    except OSError:  # no descriptor is left
        return set()


def links(pid: int) -> set[str]:
    """Returns what the descriptors of a process refer to."""
    return {link(pid, f"fd/{number}") for number in _descriptors(pid)}


def _read_ends(pid: int, *, all_descriptors: bool) -> set[str]:
    """Returns the pipes that a process reads: as its stdin, or through any descriptor."""
    numbers = _descriptors(pid) if all_descriptors else ["0"]
    return {link(pid, f"fd/{number}") for number in numbers if _is_readable(pid, number)} - {""}


def _descriptors(pid: int) -> list[str]:
    try:
        with os.scandir(f"{PROC}/{pid}/fd") as entries:
            return [entry.name for entry, _ in zip(entries, range(_MAX_DESCRIPTORS), strict=False)]
    except OSError:
        return []


def _is_readable(pid: int, number: str) -> bool:
    """Whether a descriptor is a pipe open for reading: then its link has that permission (proc_pid_fd(5))."""
    name = f"fd/{number}"
    try:
        return link(pid, name).startswith("pipe:") and bool(os.lstat(f"{PROC}/{pid}/{name}").st_mode & 0o400)
    except OSError:
        return False
