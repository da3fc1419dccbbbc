"""Job objects: the kernel's own process tree, which no descendant can leave and which ends with its owner.

A job with KILL_ON_JOB_CLOSE ends its processes when its last handle is closed; the kernel closes the handles of a killed
sidecar. No breakaway flag is set, so CREATE_BREAKAWAY_FROM_JOB fails with "access denied" for all descendants.
Jobs nest since Windows 8.
"""

from __future__ import annotations

import _winapi
import ctypes
import msvcrt
import sys
from ctypes import byref, sizeof
from struct import Struct

from . import win32

assert sys.platform == "win32"

_EXIT_CODE = 1  # of processes that TerminateJobObject ends; taskkill /F uses 1 too
_MAX_PIDS = 8192  # listed per tree, in 64 KiB; a kill ends the others too
# JOBOBJECT_EXTENDED_LIMIT_INFORMATION: two times, flags, working sets, processes, affinity, priority and scheduling class;
# counters; memory
_LIMITS = Struct("@qqINNINII6Q4N")
_AFTER_THE_APP = 0x27F  # one below 0x280, the default of every process
_own_job: Job | None = None


class Job:
    """One job object. When it is closed, or the sidecar dies, every process in it ends."""

    def __init__(self) -> None:
        """Creates a job without a memory limit: jobs limit only commit, but limits.memory means the memory that the tree uses. OSError: not possible."""
        self._handle: int = win32.CreateJobObject(None, None)
        win32.check(self._handle)
        limits = _LIMITS.pack(0, 0, win32.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, *[0] * 16)
        kind = win32.JOB_OBJECT_EXTENDED_LIMIT_INFORMATION
        try:
            win32.check(win32.SetInformationJobObject(self._handle, kind, limits, len(limits)))
        except OSError:
            self.close()
            raise

    def assign(self, process: int) -> None:
        """Puts a process, and all that it will start, into the job. OSError: it is in a job that forbids nesting, or has ended."""
        win32.check(win32.AssignProcessToJobObject(self._handle, process))

    def pids(self) -> list[int]:
        """Returns the pids in the job now, in no particular order."""
        if not self._handle:
            return []
        # JOBOBJECT_BASIC_PROCESS_ID_LIST: two DWORDs, how many exist and how many fitted; then one ULONG_PTR each. The two
        # can differ: a process that is ending may be counted but not listed.
        listing = (ctypes.c_size_t * (1 + _MAX_PIDS))()
        kind = win32.JOB_OBJECT_BASIC_PROCESS_ID_LIST
        done = win32.QueryInformationJobObject(self._handle, kind, byref(listing), sizeof(listing), None)
        win32.check(done or ctypes.get_last_error() == win32.ERROR_MORE_DATA)
        listed = win32.DWORD.from_buffer(listing, 4).value
        return listing[1 : 1 + min(listed, _MAX_PIDS)]

    def terminate(self) -> bool:
        """Ends every process in the job at once; False if the system refused."""
        return bool(self._handle and win32.TerminateJobObject(self._handle, _EXIT_CODE))

    def close(self) -> None:
        """Closes the job, which ends what is left in it."""
        if self._handle:
            _winapi.CloseHandle(self._handle)
            self._handle = 0


def contain_self() -> str | None:
    """Puts the sidecar itself into a job that dies with it; returns None, or why that failed, for the log: each run also has its own job.

    Call it before anything is spawned; repeated calls are harmless. Also disables power throttling, which would slow our timers.
    """
    global _own_job  # noqa: PLW0603 - one per process, and its handle must live as long as the process
    if _own_job is not None:
        return None
    win32.SetConsoleCtrlHandler(None, 0)  # children would inherit "ignore CTRL_C", and a graceful stop would do nothing
    # No error boxes: a backend that lacks a DLL would hang in an invisible one instead of ending with 0xC0000135.
    # SEM_NOGPFAULTERRORBOX would keep Windows Error Reporting from writing dumps. Children inherit the mode.
    msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOOPENFILEERRORBOX)
    # No libraries from the working folder, which may be a download folder, nor from PATH; not inherited
    win32.SetDefaultDllDirectories(win32.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
    # At the end of a session Windows ends the app first, which stops its backend through a sidecar that is still alive. Without
    # a window the sidecar gets no message before its own end.
    win32.SetProcessShutdownParameters(_AFTER_THE_APP, win32.SHUTDOWN_NORETRY)
    process = _winapi.GetCurrentProcess()
    win32.disable_power_throttling(process)
    try:
        job = Job()
        job.assign(process)
    except OSError as error:
        return f"the sidecar could not be put into a job object: {error}"
    _own_job = job
    return None
