"""Who reads what another process prints, as /proc shows it."""

from __future__ import annotations

import os

from .tree import PROC, link


def read_ends(pid: int, *, all_of_them: bool) -> set[str]:
    """The pipes that a process reads: as its stdin, or through any descriptor."""
    try:
        numbers = os.listdir(f"{PROC}/{pid}/fd") if all_of_them else ["0"]  # noqa: PTH208 - pathlib is not loaded in the guardian
    except OSError:
        return set()
    return {link(pid, f"fd/{number}") for number in numbers if _is_readable(pid, number)} - {""}


def printed_to(pid: int) -> set[str]:
    """Where its stdout and stderr lead."""
    return {link(pid, "fd/1"), link(pid, "fd/2")}


def _is_readable(pid: int, number: str) -> bool:
    """Of a pipe that is open for reading the link has that permission (proc_pid_fd(5))."""
    name = f"fd/{number}"
    try:
        return link(pid, name).startswith("pipe:") and bool(os.lstat(f"{PROC}/{pid}/{name}").st_mode & 0o400)
    except OSError:
        return False
