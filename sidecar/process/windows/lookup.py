"""Identifies the process behind a pid, and its program."""

import _winapi
import ctypes
import sys
from ctypes import byref

from ..base import ProcessId, Survivor
from . import win32

assert sys.platform == "win32"


def identify(pid: int) -> ProcessId | None:
    try:
        handle = _winapi.OpenProcess(win32.PROCESS_QUERY_LIMITED_INFORMATION, False, pid)
    except PermissionError:
        return _identify_by_list(pid)
    except OSError:
        return None
    try:
        created, ended = win32.lifetime(handle)
        return None if ended else ProcessId(pid, created)  # a dead process keeps its pid while a handle to it is open
    except OSError:
        return None
    finally:
        _winapi.CloseHandle(handle)


def _identify_by_list(pid: int) -> ProcessId | None:
    """Identifies another user's process or a service: psutil takes the time from the list of all processes, which anyone may read."""
    import psutil

    try:
        return ProcessId(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def hold(pid: int, more: int = 0) -> int | None:
    """Opens a handle, which keeps the pid from being reused until it is closed; None if that is not possible."""
    try:
        return _winapi.OpenProcess(win32.PROCESS_QUERY_LIMITED_INFORMATION | more, False, pid)
    except OSError:
        return None


def terminate(process: ProcessId) -> bool:
    """Ends exactly this process, never one that reuses its pid: a handle refers to one process."""
    handle = hold(process.pid, win32.PROCESS_TERMINATE)
    if handle is None:
        return False
    try:
        if win32.lifetime(handle) != (process.started, False):
            return False
        _winapi.TerminateProcess(handle, 1)
    except OSError:  # it is already ending: TerminateProcess fails with access denied
        return False
    finally:
        _winapi.CloseHandle(handle)
    return True


def name_of(pid: int) -> str:
    """Returns the file name of the program that runs under this pid; empty if the system does not report it."""
    if pid == 4:
        return "System"  # the kernel's own process, which owns what HTTP.sys listens on; it has no image
    return program_of(pid).rpartition("\\")[2]


def program_of(pid: int) -> str:
    """Returns the path of the program that runs under this pid; empty if the system does not report it."""
    handle = hold(pid)
    if handle is None:
        return ""
    try:
        size = win32.DWORD(32768)
        buffer = ctypes.create_unicode_buffer(size.value)
        if not win32.QueryFullProcessImageName(handle, 0, buffer, byref(size)):
            return ""
        return buffer.value
    finally:
        _winapi.CloseHandle(handle)


def survivor(pid: int) -> Survivor:
    return Survivor(pid, name_of(pid))
