"""How a process reacts to the stop signal, as far as /proc shows it."""

from __future__ import annotations

from .tree import PROC, link, read_file

_SHELLS = ("sh", "dash", "bash", "zsh", "ksh", "mksh", "ash", "busybox")
_IMPATIENT = ("su", "runuser", "script")  # kill what they have started 2 s after the signal (util-linux)


def disposition(pid: int, number: int) -> str:
    """What a process does with a signal: ``ignore``, ``pending`` (not taken yet), ``catch`` or read it, ``default``; empty: unknown."""
    status = read_file(f"{PROC}/{pid}/status")
    for name, action in ((b"ShdPnd:", "pending"), (b"SigIgn:", "ignore"), (b"SigCgt:", "catch"), (b"SigBlk:", "catch")):
        _, found, rest = status.partition(b"\n" + name)
        if not found:
            return ""
        if int(rest.split(None, 1)[0], 16) >> (number - 1) & 1:
            return action
    # The first process of a pid namespace gets no signal from outside that it does not catch (pid_namespaces(7)).
    inside = status.partition(b"\nNSpid:")[2].partition(b"\n")[0].split()
    return "ignore" if inside[1:] and inside[-1] == b"1" else "default"


def is_shell(pid: int) -> bool:
    """Whether a shell runs there; the name of a script is not that of its shell."""
    return link(pid, "exe").rpartition("/")[2] in _SHELLS


def is_impatient(name: str) -> bool:
    """Whether a launcher with that name kills what it has started soon after it was asked to end."""
    return name in _IMPATIENT
