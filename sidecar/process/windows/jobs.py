"""Job objects: the kernel's own idea of a process tree, which no descendant can leave and which ends with its owner.

A job with KILL_ON_JOB_CLOSE ends its processes when its last handle is closed, which the kernel does for a sidecar that is
killed. No breakaway flag is set, so CREATE_BREAKAWAY_FROM_JOB fails with "access denied" for everything below.
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

_EXIT_CODE = 1  # of what TerminateJobObject ends; taskkill /F uses 1 as well
_MAX_PIDS = 8192  # that are listed of a tree, in 64 KiB; a kill ends the others, too
# JOBOBJECT_EXTENDED_LIMIT_INFORMATION: two times, flags, working sets, processes, affinity, priority and scheduling class;
# counters; memory
_LIMITS = Struct("@qqINNINII6Q4N")
_AFTER_THE_APP = 0x27F  # one below 0x280, which every process has at its start
_own_job: Job | None = None


class Job:
    """One job object. Closed, or lost with the sidecar, it ends every process in it."""

    def __init__(self) -> None:
        """Creates it, with no limit of memory: a job knows only commit, and limits.memory is what the tree uses. OSError: not possible."""
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
        """Puts a process, and all that it will start, into the job. OSError: it is in one that forbids nesting, or has ended."""
        win32.check(win32.AssignProcessToJobObject(self._handle, process))

    def pids(self) -> list[int]:
        """The processes that are in it now, in no order."""
        if not self._handle:
            return []
        # JOBOBJECT_BASIC_PROCESS_ID_LIST: two DWORDs, how many there are and how many fitted; then one ULONG_PTR each. The two
        # need not agree: a process that is ending may be counted and not listed.
        listing = (ctypes.c_size_t * (1 + _MAX_PIDS))()
        kind = win32.JOB_OBJECT_BASIC_PROCESS_ID_LIST
        done = win32.QueryInformationJobObject(self._handle, kind, byref(listing), sizeof(listing), None)
        win32.check(done or ctypes.get_last_error() == win32.ERROR_MORE_DATA)
        listed = win32.DWORD.from_buffer(listing, 4).value
        return listing[1 : 1 + min(listed, _MAX_PIDS)]

    def terminate(self) -> bool:
        """Ends every process in it at once; False where the system refused."""
        return bool(self._handle and win32.TerminateJobObject(self._handle, _EXIT_CODE))

    def close(self) -> None:
        """Gives it up, which ends what is left in it."""
        if self._handle:
            _winapi.CloseHandle(self._handle)
            self._handle = 0


def contain_self() -> str | None:
    """Puts the sidecar itself into a job that dies with it; why that failed, for the log, or None: each run has its own job.

    Before anything is spawned; more often is harmless. Power throttling would slow the timers of a process without a window.
    """
    global _own_job  # noqa: PLW0603 - one per process, and its handle must live as long as the process
    if _own_job is not None:
        return None
    win32.SetConsoleCtrlHandler(None, 0)  # children would inherit "ignore CTRL_C", and a graceful stop do nothing
    # No system error in a box: a backend that lacks a DLL would hang in one that nothing shows instead of ending with
    # 0xC0000135. SEM_NOGPFAULTERRORBOX would keep Windows Error Reporting from writing dumps. Children inherit it.
    msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOOPENFILEERRORBOX)
    # No library from the working folder, which may be that of a download, nor from PATH; not inherited
    win32.SetDefaultDllDirectories(win32.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
    # The end of a session takes the app first: it ends its backend in order by a sidecar that still lives. Without a window
    # the sidecar gets no message before its own end.
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
