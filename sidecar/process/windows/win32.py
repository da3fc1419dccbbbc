"""The Win32 functions that the process layer calls and ``_winapi`` lacks, declared for ctypes under their own names."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, c_int, c_uint64, c_ulong, c_void_p, c_wchar_p, sizeof

assert sys.platform == "win32"

DWORD = c_ulong
HANDLE = c_void_p

ERROR_MORE_DATA = 234
ERROR_INSUFFICIENT_BUFFER = 122

JOB_OBJECT_BASIC_PROCESS_ID_LIST = 3
JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000

PROCESS_TERMINATE = 0x0001
PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
THREAD_TERMINATE = 0x0001

PROCESS_POWER_THROTTLING = 4  # PROCESS_INFORMATION_CLASS
POWER_THROTTLING_EXECUTION_SPEED = 0x1
POWER_THROTTLING_IGNORE_TIMER_RESOLUTION = 0x4

LOAD_LIBRARY_SEARCH_DEFAULT_DIRS = 0x1000

SHUTDOWN_NORETRY = 0x1

TCP_TABLE_OWNER_PID_LISTENER = 3

_EPOCH = 116_444_736_000_000_000  # 1970 as a FILETIME, in units of 100 ns since 1601

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)


def declare(name: str, result: type | None, *arguments: object) -> ctypes._NamedFuncPointer:
    """Declares a function of kernel32 or advapi32; AttributeError: this Windows does not have it."""
    function = getattr(_kernel32 if hasattr(_kernel32, name) else _advapi32, name)
    function.restype = result
    function.argtypes = arguments
    return function  # type: ignore[no-any-return]


AssignProcessToJobObject = declare("AssignProcessToJobObject", c_int, HANDLE, HANDLE)
CancelSynchronousIo = declare("CancelSynchronousIo", c_int, HANDLE)
CreateJobObject = declare("CreateJobObjectW", HANDLE, c_void_p, c_wchar_p)
GetConsoleWindow = declare("GetConsoleWindow", HANDLE)
GetNumberOfConsoleInputEvents = declare("GetNumberOfConsoleInputEvents", c_int, HANDLE, POINTER(DWORD))
GetProcessTimes = declare("GetProcessTimes", c_int, HANDLE, *[POINTER(c_uint64)] * 4)
GetShortPathName = declare("GetShortPathNameW", DWORD, c_wchar_p, c_wchar_p, DWORD)
OpenThread = declare("OpenThread", HANDLE, DWORD, c_int, DWORD)
QueryFullProcessImageName = declare("QueryFullProcessImageNameW", c_int, HANDLE, DWORD, c_wchar_p, POINTER(DWORD))
QueryInformationJobObject = declare("QueryInformationJobObject", c_int, HANDLE, c_int, c_void_p, DWORD, POINTER(DWORD))
QueryUnbiasedInterruptTime = declare("QueryUnbiasedInterruptTime", c_int, POINTER(c_uint64))
ReadConsoleInput = declare("ReadConsoleInputW", c_int, HANDLE, c_void_p, DWORD, POINTER(DWORD))
ResumeThread = declare("ResumeThread", DWORD, HANDLE)
SetConsoleCtrlHandler = declare("SetConsoleCtrlHandler", c_int, c_void_p, c_int)
SetDefaultDllDirectories = declare("SetDefaultDllDirectories", c_int, DWORD)
SetInformationJobObject = declare("SetInformationJobObject", c_int, HANDLE, c_int, c_void_p, DWORD)
SetPriorityClass = declare("SetPriorityClass", c_int, HANDLE, DWORD)
SetProcessInformation = declare("SetProcessInformation", c_int, HANDLE, c_int, c_void_p, DWORD)
SetProcessShutdownParameters = declare("SetProcessShutdownParameters", c_int, DWORD, DWORD)
TerminateJobObject = declare("TerminateJobObject", c_int, HANDLE, c_int)


def check(done: int) -> None:
    """Raises the last call's error as OSError, unless ``done``."""
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())


def lifetime(handle: int) -> tuple[float, bool]:
    """Returns when the process was created, in seconds since 1970, and whether it has ended. OSError: the handle has no right to query."""
    created, ended, other = c_uint64(), c_uint64(), c_uint64()
    check(GetProcessTimes(handle, byref(created), byref(ended), byref(other), byref(other)))
    return (created.value - _EPOCH) / 1e7, bool(ended.value)


def filetime(seconds: float) -> int:
    return int(seconds * 1e7) + _EPOCH


def awake_time() -> float:
    """Returns monotonic seconds that stand still while the machine sleeps (QueryUnbiasedInterruptTime)."""
    ticks = c_uint64()  # of 100 ns
    QueryUnbiasedInterruptTime(byref(ticks))
    return ticks.value / 1e7


def disable_power_throttling(handle: int) -> None:
    """Opts a process out of EcoQoS (since Windows 10 1709) and of ignored timer resolution (Windows 11); older versions have neither."""
    speed, timer = POWER_THROTTLING_EXECUTION_SPEED, POWER_THROTTLING_IGNORE_TIMER_RESOLUTION
    for control in (speed | timer, speed):
        state = (DWORD * 3)(1, control, 0)  # PROCESS_POWER_THROTTLING_STATE: version, control mask, state mask
        if SetProcessInformation(handle, PROCESS_POWER_THROTTLING, byref(state), sizeof(state)):
            break
