"""How many threads each process of a Windows has, from one snapshot for all: psutil's ``num_threads()`` makes one for each process."""

from __future__ import annotations

import ctypes
import sys
import time
from ctypes import wintypes

assert sys.platform == "win32"

_SNAP_PROCESS = 0x2  # TH32CS_SNAPPROCESS
_INVALID_HANDLE = ctypes.c_void_p(-1).value
_MAX_AGE = 0.05  # seconds; a sample of a tree takes less, and the next one comes later


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    )


_kernel32 = ctypes.WinDLL("kernel32")
_create_snapshot = _kernel32.CreateToolhelp32Snapshot
_create_snapshot.argtypes = (wintypes.DWORD, wintypes.DWORD)
_create_snapshot.restype = wintypes.HANDLE
_first, _next = _kernel32.Process32FirstW, _kernel32.Process32NextW
_first.argtypes = _next.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Entry))
_close = _kernel32.CloseHandle
_close.argtypes = (wintypes.HANDLE,)


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
    entry = _Entry(size=ctypes.sizeof(_Entry))
    counts = {}
    try:
        more = _first(handle, ctypes.byref(entry))
        while more:
            counts[entry.pid] = entry.threads
            more = _next(handle, ctypes.byref(entry))
    finally:
        _close(handle)
    return counts
