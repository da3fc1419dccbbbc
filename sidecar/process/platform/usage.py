"""What one process uses: on Linux from one read of /proc/PID/stat, five times cheaper than psutil, which is used elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..tree import PROC, read_stat, threads

if TYPE_CHECKING:
    import psutil

MEASURE = {
    "linux": "proportional set size, which counts shared pages once, without mapped files",
    "win32": "private working set, without shared pages",
    "darwin": "physical footprint",
}.get(sys.platform, "resident size")
"""Describes what ``count_once`` returns."""


class Usage(NamedTuple):
    """CPU seconds since the process started (user and system), resident bytes (shared pages too), threads."""

    cpu_seconds: float
    memory: int
    threads: int


class ProcReader:
    """Linux: proc_pid_stat(5)."""

    def __init__(self) -> None:
        self._tick = 1 / os.sysconf("SC_CLK_TCK")  # type: ignore[attr-defined,unused-ignore]  # Linux only
        self._page = os.sysconf("SC_PAGE_SIZE")  # type: ignore[attr-defined,unused-ignore]  # Linux only

    def read(self, pid: int, started: float) -> Usage | None:
        """Returns what the process uses; None if it has ended or may not be read. ``started``: field 22, in clock ticks since boot."""
        fields = _read_stat(pid)
        if fields is None or float(fields[19]) != started:
            return None
        resident = int(fields[21])
        if fields[0] == b"Z":
            # If only the main thread has ended, the process lives on in the others, which have its memory.
            thread = _another_thread(pid)
            other = _read_stat(thread) if thread is not None else None
            if other is None:
                return None
            resident = int(other[21])
        ticks = int(fields[11]) + int(fields[12])
        return Usage(ticks * self._tick, resident * self._page, int(fields[17]))

    def without_files(self, pid: int) -> int | None:
        """Returns resident bytes without mapped files, which the kernel reclaims when memory is short; None: not available (before Linux 4.5)."""
        sizes = _read_sizes(pid, "status")
        return sizes[b"RssAnon"] + sizes.get(b"RssShmem", 0) if b"RssAnon" in sizes else None

    def count_once(self, pid: int) -> int | None:
        """Returns bytes that can be summed over processes (see MEASURE); slow: 10 ms for 2 GiB. None: not available (before Linux 4.14)."""
        sizes = _read_sizes(pid, "smaps_rollup")
        return sizes[b"Pss"] - sizes.get(b"Pss_File", 0) if b"Pss" in sizes else None


def _read_sizes(pid: int, name: str) -> dict[bytes, int]:
    """Returns the sizes in proc_pid_status(5) or proc_pid_smaps(5), in bytes; of another thread if the main one has ended."""
    for task in (pid, _another_thread(pid)):
        try:
            with open(f"{PROC}/{task}/{name}", "rb") as file:  # noqa: PTH123 - not a path of the user's
                fields = [line.split() for line in file if line[:3] in {b"Rss", b"Pss"}]
        except OSError:  # it has ended, it is another user's, or the kernel is older
            continue
        if fields:
            return {field[0].rstrip(b":"): int(field[1]) * 1024 for field in fields}
    return {}


def _read_stat(pid: int) -> list[bytes] | None:
    """Returns the fields from the state (field 3) on; the name before it, in parentheses, may contain anything."""
    raw = read_stat(pid)
    return raw[raw.rindex(b")") + 2 :].split() if raw else None


def _another_thread(pid: int) -> int | None:
    return next((int(name) for name in threads(pid) if int(name) != pid), None)


class PsutilReader:
    """Other systems; keeps psutil's objects, which are expensive to create."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        # On macOS psutil gets the number from the same call as time and memory (proc_pidinfo); on Windows it is expensive.
        self._count_threads: Callable[[int], int] | None = None
        if sys.platform == "win32":
            from ..windows.thread_counts import ThreadCounts

            self._count_threads = ThreadCounts().of
        self._processes: dict[tuple[int, float], psutil.Process] = {}

    def read(self, pid: int, started: float) -> Usage | None:
        """See ProcReader; psutil itself notices a reused pid."""
        try:
            process = self._processes.get((pid, started))
            if process is None:
                process = self._psutil.Process(pid)
                self._processes[(pid, started)] = process
            with process.oneshot():
                times = process.cpu_times()
                threads = self._count_threads(pid) if self._count_threads is not None else process.num_threads()
                return Usage(times.user + times.system, process.memory_info().rss, threads)
        except (self._psutil.Error, OSError):
            self._processes.pop((pid, started), None)
            return None

    def without_files(self, pid: int) -> None:
        """Not needed: neither measure counts mapped files."""

    def count_once(self, pid: int) -> int | None:
        if sys.platform == "darwin":
            return _footprint(pid)
        try:
            return int(self._psutil.Process(pid).memory_full_info().uss)
        except (self._psutil.Error, OSError, AttributeError):
            return None


def _footprint(pid: int) -> int | None:
    """Returns ri_phys_footprint of proc_pid_rusage with RUSAGE_INFO_V0 (sys/resource.h): 16 bytes, then 8-byte integers."""
    import ctypes

    info = ctypes.create_string_buffer(16 + 10 * 8)
    if ctypes.CDLL(None).proc_pid_rusage(pid, 0, info) != 0:
        return None
    return int.from_bytes(info.raw[16 + 7 * 8 : 16 + 8 * 8], sys.byteorder)


UsageReader = ProcReader | PsutilReader


def create_reader() -> UsageReader:
    return ProcReader() if sys.platform == "linux" else PsutilReader()
