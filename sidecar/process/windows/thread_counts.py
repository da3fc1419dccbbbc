"""Counts the threads of processes on Windows from one snapshot: psutil's ``num_threads()`` takes one per process."""

import _winapi
import sys
import time
from ctypes import c_int, c_void_p, create_string_buffer
from struct import Struct

from . import win32

assert sys.platform == "win32"

_SNAP_PROCESS = 0x2  # TH32CS_SNAPPROCESS
_INVALID_HANDLE = c_void_p(-1).value
_MAX_AGE = 0.05  # seconds; a sample of a tree takes less, and the next one comes later
# PROCESSENTRY32W: size, usage, pid, heap, module, threads, parent, priority, flags, a name of 260 characters
_ENTRY = Struct("@IIINIIIlI520s0N")

_create_snapshot = win32.declare("CreateToolhelp32Snapshot", win32.HANDLE, win32.DWORD, win32.DWORD)
_first = win32.declare("Process32FirstW", c_int, win32.HANDLE, c_void_p)
_next = win32.declare("Process32NextW", c_int, win32.HANDLE, c_void_p)


class ThreadCounts:
    """Takes a new snapshot if the last one is too old or lacks the process."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._taken = -_MAX_AGE

    def of(self, pid: int) -> int:
        """Returns the number of threads of a process; 0 if the system does not report it."""
        if pid not in self._counts or time.monotonic() - self._taken > _MAX_AGE:
            self._counts = _snapshot()
            self._taken = time.monotonic()
        return self._counts.get(pid, 0)


def _snapshot() -> dict[int, int]:
    handle = _create_snapshot(_SNAP_PROCESS, 0)
    if handle in (None, _INVALID_HANDLE):
        return {}
    entry = create_string_buffer(_ENTRY.size.to_bytes(4, "little"), _ENTRY.size)
    counts = {}
    try:
        more = _first(handle, entry)
        while more:
            _size, _usage, pid, _heap, _module, threads, *_ = _ENTRY.unpack(entry)
            counts[pid] = threads
            more = _next(handle, entry)
    finally:
        _winapi.CloseHandle(handle)
    return counts
