"""Asks the backend to end with CTRL_C on its hidden console, as a separate process, because a process can have only one console.

    python console_helper.py MILLISECONDS TIME PID…

CTRL_C goes to each console that only the backend's processes have: "start" of cmd.exe without /b makes a second one. Processes listed
before the first of these that have no console of their own get WM_CLOSE on their windows. Group 0 is everything on the console, including this process, hence the handler; attaching resets handlers, so it is set
afterwards. A program without a console may attach to the console of the sidecar (ATTACH_PARENT_PROCESS) or of any other program, which
must not be asked: so every other process on the console must have been created after TIME (a FILETIME), when the backend's processes
were listed. CTRL_BREAK follows if the first process of a console is still alive after MILLISECONDS: it may have started with CTRL_C ignored. It comes
late, because a program without a handler for it (most Node, Python and Rust programs) ends at once, even while handling CTRL_C.

Exit status: 0 the first process of each console ended, 1 CTRL_BREAK was sent too, 2 CTRL_BREAK could not be sent (Wine), 3 windows were closed, else a stage
(ATTACH, SEND) plus the system's error code. Imports only ctypes and runs without site, so that a stop is not delayed.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

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
_OWN_TURN = 0.5  # seconds in which our handler is called too
_received: list[int] = []


def _receive(event: int) -> int:
    _received.append(event)
    return 1  # handled: the default handler would end us


_handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(_receive)


def main(patience: int, listed: int, pids: list[int]) -> int:
    """Asks the processes to end; returns the exit status (see the module)."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.OpenProcess.restype = ctypes.c_void_p
    kernel32.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    kernel32.GetProcessTimes.argtypes = (ctypes.c_void_p,) * 5
    kernel32.FreeConsole()
    failures: dict[int, int] = {}
    windowed: list[int] = []
    asked: dict[int, int] = {}  # the first process on each console, and its handle
    reached: set[int] = set()
    for pid in pids:
        if pid not in reached and (process := _attach(kernel32, pid, pids, listed, failures)) is not None:
            reached.update(_attached(kernel32))
            if (error := _send(kernel32, _CTRL_C)) is None:
                asked[pid] = process
            else:
                failures[pid] = error
            kernel32.FreeConsole()
        if not asked:
            windowed = list(failures)
    closed = _close_windows(windowed)
    if asked:
        return _wait(kernel32, asked, pids, listed, patience)
    return CLOSED if closed else next((one for one in failures.values() if one != NO_CONSOLE), NO_CONSOLE)


def _wait(kernel32: ctypes.WinDLL, asked: dict[int, int], pids: list[int], listed: int, patience: int) -> int:
    """Waits until the asked processes have ended, or sends CTRL_BREAK to the consoles of those that have not in time."""
    deadline = time.monotonic() + patience / 1000
    status = ENDED
    for pid, process in asked.items():
        left = max(0, round((deadline - time.monotonic()) * 1000))
        if kernel32.WaitForSingleObject(process, left) != _WAIT_OBJECT_0:
            sent = _attach(kernel32, pid, pids, listed, {}) is not None and _send(kernel32, _CTRL_BREAK) is None
            kernel32.FreeConsole()
            status = max(status, BREAK_SENT if sent else BREAK_FAILED)
    return status


def _attach(kernel32: ctypes.WinDLL, pid: int, pids: list[int], listed: int, failures: dict[int, int]) -> int | None:
    """Attaches to the process's console if only the backend uses it, and returns a handle of the process; else None, and a status in ``failures``."""
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
    """Whether a process that is not the backend's is also on this console."""
    others = _attached(kernel32) - {os.getpid(), *pids}
    return any(_created(kernel32, pid) < listed for pid in others)


def _attached(kernel32: ctypes.WinDLL) -> set[int]:
    attached = (ctypes.c_ulong * _MAX_ATTACHED)()
    count = kernel32.GetConsoleProcessList(attached, _MAX_ATTACHED)
    return {*attached[: min(count, _MAX_ATTACHED)]}


def _created(kernel32: ctypes.WinDLL, pid: int) -> int:
    """Returns when a process was created, as a FILETIME; 0 if we may not ask, as for an elevated process."""
    process = kernel32.OpenProcess(_QUERY, 0, pid)
    times = [ctypes.c_uint64() for _ in range(4)]
    if process:
        kernel32.GetProcessTimes(process, *map(ctypes.addressof, times))
    return times[0].value


def _send(kernel32: ctypes.WinDLL, event: int) -> int | None:
    """Sends the event to the console to which we are attached; returns None, or the exit status of a failure."""
    kernel32.SetConsoleCtrlHandler(_handler, 1)
    _received.clear()
    if not kernel32.GenerateConsoleCtrlEvent(event, 0):
        return SEND + ctypes.get_last_error()
    deadline = time.monotonic() + _OWN_TURN
    # The next console resets the handler, and the event would end us.
    while not _received and time.monotonic() < deadline:
        time.sleep(0.001)
    return None


def _close_windows(pids: Container[int]) -> bool:
    """Posts WM_CLOSE to the processes' top-level windows (KB 178893); False: they have none, or none that we can reach."""
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
    """Calls main and exits; not through sys.exit, because the handler must not be called while the interpreter finalizes."""
    os._exit(main(int(patience), int(listed), list(map(int, pids))))


if __name__ == "__main__":
    run(*sys.argv[1:])
