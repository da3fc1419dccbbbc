"""What one process uses. On Linux straight from /proc, elsewhere through psutil.

psutil builds an object and opens several files for each process; one read of ``/proc/PID/stat`` holds all four numbers
and is some five times cheaper, which is what makes a sample of fifty processes cheap.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import psutil


class Usage(NamedTuple):
    """Processor seconds since its start (user and system), bytes resident, threads."""

    cpu_seconds: float
    memory: int
    threads: int


class UsageReader(Protocol):
    """Reads processes that are told by pid and start time."""

    def read(self, pid: int, started: float) -> Usage | None:
        """What the process uses; None where it is gone or may not be read."""


class ProcReader:
    """Linux: proc_pid_stat(5)."""

    def __init__(self) -> None:
        self._tick = 1 / os.sysconf("SC_CLK_TCK")  # type: ignore[attr-defined,unused-ignore]  # Linux only
        self._page = os.sysconf("SC_PAGE_SIZE")  # type: ignore[attr-defined,unused-ignore]  # Linux only

    def read(self, pid: int, started: float) -> Usage | None:
        """See UsageReader; ``started`` is field 22, in clock ticks since boot."""
        try:
            descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        except OSError:
            return None
        try:
            raw = os.read(descriptor, 4096)
        except ProcessLookupError:
            return None
        finally:
            os.close(descriptor)
        # The name, in parentheses, may hold anything; the fields are counted from behind it (state is field 3).
        fields = raw[raw.rindex(b")") + 2 :].split()
        if fields[0] == b"Z" or float(fields[19]) != started:
            return None
        ticks = int(fields[11]) + int(fields[12])
        return Usage(ticks * self._tick, int(fields[21]) * self._page, int(fields[17]))


class PsutilReader:
    """Elsewhere; keeps psutil's objects, which are costly to make."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._count_threads = _thread_counter()
        self._processes: dict[tuple[int, float], psutil.Process] = {}

    def read(self, pid: int, started: float) -> Usage | None:
        """See UsageReader; a pid that was given to another process meanwhile is noticed by psutil itself."""
        try:
            process = self._processes.get((pid, started))
            if process is None:
                process = self._psutil.Process(pid)
                self._processes[(pid, started)] = process
            with process.oneshot():
                times = process.cpu_times()
                return Usage(times.user + times.system, process.memory_info().rss, self._count_threads(process))
        except (self._psutil.Error, OSError):
            self._processes.pop((pid, started), None)
            return None


def _thread_counter() -> Callable[[psutil.Process], int]:
    """On macOS psutil has the number from the same call as time and memory (proc_pidinfo); on Windows it is dear."""
    if sys.platform == "win32":
        from ..windows.thread_counts import ThreadCounts

        counts = ThreadCounts()
        return lambda process: counts.of(process.pid)
    return lambda process: process.num_threads()


def create_reader() -> UsageReader:
    """The one for this system."""
    return ProcReader() if sys.platform == "linux" else PsutilReader()
