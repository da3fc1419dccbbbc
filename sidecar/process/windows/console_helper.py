"""Asks the backend to end: by CTRL_C to its hidden console, as a separate process, because a process has only one console.

    python console_helper.py MILLISECONDS TIME PID…

The first console that only the backend's processes have gets it; the windows of those before it, which have none, get WM_CLOSE. Group 0
is everything on the console, this process too, hence the handler; attaching resets handlers, so it is set after that. A program
without a console may attach itself to that of the sidecar (ATTACH_PARENT_PROCESS) or of any other program, which are not to be
asked: so every other process on it must have been created after TIME (a FILETIME), when the backend's were listed. CTRL_BREAK
follows if the process still lives after that many milliseconds: it may have started with CTRL_C ignored. It comes late, for what
has no handler for it (as most Node, Python and Rust programs) ends at once, even amid its answer to CTRL_C.

Exit status: 0 the process ended, 1 CTRL_BREAK was sent as well, 2 it could not be (Wine), 3 windows were closed, else a stage
(ATTACH, SEND) plus the system's error code. Loads nothing but ctypes and runs without site, so that a stop is not kept waiting.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False  # the typing module is not loaded here
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import NoReturn

assert sys.platform == "win32"

ENDED = 0
BREAK_SENT = 1
BREAK_FAILED = 2
CLOSED = 3
ATTACH = 100_000
SEND = 200_000
NO_CONSOLE = ATTACH + 6  # ERROR_INVALID_HANDLE (AttachConsole)

_CTRL_C = 0
_CTRL_BREAK = 1
_WAIT_OBJECT_0 = 0
_WM_CLOSE = 0x10
_SYNCHRONIZE = 0x0010_0000
_QUERY = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
_MAX_ATTACHED = 8192


def main(patience: int, listed: int, pids: list[int]) -> int:
    """Does it; see the module for the result."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.OpenProcess.restype = ctypes.c_void_p
    kernel32.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    kernel32.GetProcessTimes.argtypes = (ctypes.c_void_p,) * 5
    kernel32.FreeConsole()
    failures: dict[int, int] = {}
    process = next(filter(None, (_attach(kernel32, pid, pids, listed, failures) for pid in pids)), None)
    closed = bool(failures) and _close_windows(failures)
    if process is not None:
        return _send(kernel32, process, patience)
    return CLOSED if closed else next((one for one in failures.values() if one != NO_CONSOLE), NO_CONSOLE)


def _attach(kernel32: ctypes.WinDLL, pid: int, pids: list[int], listed: int, failures: dict[int, int]) -> int | None:
    """Joins the console of a process that only the backend has, and gives a handle of it; None, and a status in ``failures``: that is not possible."""
    process: int | None = kernel32.OpenProcess(_SYNCHRONIZE, 0, pid)
    if not process or not kernel32.AttachConsole(pid):
        failures[pid] = ATTACH + ctypes.get_last_error()
    elif _is_shared(kernel32, pids, listed):
        kernel32.FreeConsole()
        failures[pid] = NO_CONSOLE
    else:
        return process
    return None


def _is_shared(kernel32: ctypes.WinDLL, pids: list[int], listed: int) -> bool:
    """Whether a process that is not the backend's is on this console too."""
    attached = (ctypes.c_ulong * _MAX_ATTACHED)()
    count = kernel32.GetConsoleProcessList(attached, _MAX_ATTACHED)
    others = {*attached[: min(count, _MAX_ATTACHED)]} - {os.getpid(), *pids}
    return any(_created(kernel32, pid) < listed for pid in others)


def _created(kernel32: ctypes.WinDLL, pid: int) -> int:
    """When a process was created, as a FILETIME; 0 where that is not allowed, as of an elevated one."""
    process = kernel32.OpenProcess(_QUERY, 0, pid)
    times = [ctypes.c_uint64() for _ in range(4)]
    if process:
        kernel32.GetProcessTimes(process, *map(ctypes.addressof, times))
    return times[0].value


def _send(kernel32: ctypes.WinDLL, process: int, patience: int) -> int:
    ignore = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(lambda _event: 1)
    kernel32.SetConsoleCtrlHandler(ignore, 1)
    if not kernel32.GenerateConsoleCtrlEvent(_CTRL_C, 0):
        return SEND + ctypes.get_last_error()
    if kernel32.WaitForSingleObject(process, patience) == _WAIT_OBJECT_0:
        return ENDED
    return BREAK_SENT if kernel32.GenerateConsoleCtrlEvent(_CTRL_BREAK, 0) else BREAK_FAILED


def _close_windows(pids: Container[int]) -> bool:
    """Posts WM_CLOSE to their top-level windows (KB 178893); False: they have none, or none in reach."""
    user32 = ctypes.WinDLL("user32")
    closed: list[int] = []

    def close(window: int, _: object) -> int:
        handle, owner = ctypes.c_void_p(window), ctypes.c_ulong()
        user32.GetWindowThreadProcessId(handle, ctypes.byref(owner))
        if owner.value in pids and user32.PostMessageW(handle, _WM_CLOSE, None, None):
            closed.append(window)
        return 1

    user32.EnumWindows(ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(close), None)
    return bool(closed)


def run(patience: str, listed: str, *pids: str) -> NoReturn:
    """Does it and ends the process; not by sys.exit, for the handler must not be called in a finalizing interpreter."""
    os._exit(main(int(patience), int(listed), list(map(int, pids))))


if __name__ == "__main__":
    run(*sys.argv[1:])
