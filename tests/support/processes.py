"""Queries about live processes, which never count a zombie."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import psutil

_T = TypeVar("_T")
DEADLINE = 60.0  # seconds: generous, for a busy machine; a test that needs less sets its own limit
# Seconds that a busy machine may add to a limit of the contract; the benchmarks measure the limits themselves. Under Wine a
# single server handles the system calls of all processes.
SLACK = 15.0 if sys.platform == "win32" else 4.0


class Found(NamedTuple):
    """One live process."""

    pid: int
    parent: int
    command: str


def live_processes() -> Iterator[Found]:
    """Every live process that is visible to this one."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if lives(process):
                yield Found(process.pid, process.ppid(), " ".join(process.cmdline()))


def is_alive(pid: int) -> bool:
    """Whether a process with this pid runs; a zombie does not."""
    import psutil

    try:
        return lives(psutil.Process(pid))
    except psutil.Error:
        return False


def kill(pid: int) -> None:
    """Kills a process (SIGKILL, TerminateProcess), which cannot react."""
    os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def lives(process: psutil.Process) -> bool:
    """Whether the process still runs, and its pid has not been reused."""
    import psutil

    try:
        if not process.is_running():
            return False
        status = process.status()
        # A zombie with more than one thread is a process of which only the main thread has ended.
        return status != "dead" and (status != "zombie" or (sys.platform == "linux" and process.num_threads() > 1))
    except psutil.Error:
        return False


def marked(marker: str) -> list[Found]:
    """The live processes with ``marker`` in their environment or command line, except this one."""
    return list(_marked_on_linux(marker) if sys.platform == "linux" else _marked_elsewhere(marker))


def _marked_on_linux(marker: str) -> Iterator[Found]:
    """Reads each process as soon as it is found, the youngest first: those of a fork storm are gone a moment later."""
    wanted = marker.encode()
    for pid in sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True):  # noqa: PTH208
        with contextlib.suppress(OSError, ValueError):  # it has just ended
            command = _read(f"/proc/{pid}/cmdline")
            if not command:  # only the main thread may have ended: another thread still shows it
                pid = max(map(int, os.listdir(f"/proc/{pid}/task")))  # noqa: PLW2901, PTH208
                command = _read(f"/proc/{pid}/cmdline")
            environment = _read(f"/proc/{pid}/environ")
            if (wanted in environment or wanted in command) and pid != os.getpid():
                state, parent = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:2]
                if state not in b"ZX":
                    yield Found(pid, int(parent), command.replace(b"\0", b" ").decode(errors="replace"))


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - called for every process of the machine
        return file.read()


def _marked_elsewhere(marker: str) -> Iterator[Found]:
    import psutil

    for found in live_processes():
        with contextlib.suppress(psutil.Error, OSError):
            environment = [f"{name}={value}" for name, value in psutil.Process(found.pid).environ().items()]
            if (marker in found.command or marker in environment) and found.pid != os.getpid():
                yield found


def descendants(pid: int) -> list[int]:
    """The live descendants of a process."""
    children: dict[int, list[int]] = {}
    for found in live_processes():
        children.setdefault(found.parent, []).append(found.pid)
    below = list(children.get(pid, ()))
    for child in below:
        below += children.get(child, ())
    return below


def wait_until(condition: Callable[[], _T], deadline: float = DEADLINE, *, what: object = "") -> _T:
    """Waits until ``condition()`` is true, and returns its value. Fails after ``deadline`` seconds."""
    now = time.monotonic()
    end = now + deadline
    while not (value := condition()):
        if (asked := time.monotonic()) > end:
            raise AssertionError(f"not within {deadline} s: {what() if callable(what) else what or condition}")
        time.sleep(max(0.005, asked - now))  # to look at all processes takes longer than that
        now = time.monotonic()
    return value


async def until(condition: Callable[[], _T], deadline: float = DEADLINE, *, what: object = "") -> _T:
    """The same as ``wait_until``, for a test that runs in the event loop."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what() if callable(what) else what or condition}")
        await asyncio.sleep(0.002)
    return value


def open_descriptors(pid: int) -> int:
    """How many descriptors (POSIX) or handles (Windows) a process holds."""
    import psutil

    process = psutil.Process(pid)
    return process.num_handles() if sys.platform == "win32" else process.num_fds()
