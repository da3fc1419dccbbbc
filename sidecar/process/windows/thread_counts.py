"""How many threads each process of a Windows has, from one snapshot for all: psutil's ``num_threads()`` makes one for each process."""

from __future__ import annotations

import _winapi
import sys
import time
from ctypes import POINTER, Structure, byref, c_int, c_long, c_size_t, c_void_p, c_wchar, sizeof

from . import win32

assert sys.platform == "win32"

_SNAP_PROCESS = 0x2  # TH32CS_SNAPPROCESS
_INVALID_HANDLE = c_void_p(-1).value
_MAX_AGE = 0.05  # seconds; a sample of a tree takes less, and the next one comes later


class _Entry(Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", win32.DWORD),
        ("usage", win32.DWORD),
        ("pid", win32.DWORD),
        ("heap", c_size_t),
        ("module", win32.DWORD),
        ("threads", win32.DWORD),
        ("parent", win32.DWORD),
        ("priority", c_long),
        ("flags", win32.DWORD),
        ("name", c_wchar * 260),
    )


_create_snapshot = win32.declare("CreateToolhelp32Snapshot", win32.HANDLE, win32.DWORD, win32.DWORD)
_first = win32.declare("Process32FirstW", c_int, win32.HANDLE, POINTER(_Entry))
_next = win32.declare("Process32NextW", c_int, win32.HANDLE, POINTER(_Entry))


class ThreadCounts:
    """Takes a snapshot where the last one is too old, or does not know the process."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._taken = -_MAX_AGE

    def of(self, pid: int) -> int:
        """Threads of the process; 0 if the system does not report it."""
        if pid not in self._counts or time.monotonic() - self._taken > _MAX_AGE:
            self._counts = _snapshot()
            self._taken = time.monotonic()
        return self._counts.get(pid, 0)


def _snapshot() -> dict[int, int]:
    handle = _create_snapshot(_SNAP_PROCESS, 0)
    if handle in (None, _INVALID_HANDLE):
        return {}
    entry = _Entry(size=sizeof(_Entry))
    counts = {}
    try:
        more = _first(handle, byref(entry))
        while more:
            counts[entry.pid] = entry.threads
            more = _next(handle, byref(entry))
    finally:
        _winapi.CloseHandle(handle)
    return counts
