"""Sends CTRL_C to the backend's hidden console, as a separate process, because a process has only one console.

    python console_helper.py PID MILLISECONDS

Group 0 is everything on that console, this process too, hence the handler; attaching resets handlers, so it is set after that.
CTRL_BREAK follows if the backend still lives after that many milliseconds: it may have started with CTRL_C ignored. It comes
late, for what has no handler for it (as most Node, Python and Rust programs) ends at once, even amid its answer to CTRL_C.

Exit status: 0 the backend ended, 1 CTRL_BREAK was sent as well, 2 it could not be (Wine), else a stage (ATTACH, SEND) plus the
system's error code. Loads nothing but ctypes and runs without site, so that a stop is not kept waiting.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False  # the typing module is not loaded here
if TYPE_CHECKING:
    from typing import NoReturn

assert sys.platform == "win32"

ENDED = 0
BREAK_SENT = 1
BREAK_FAILED = 2
ATTACH = 100_000
SEND = 200_000

_CTRL_C = 0
_CTRL_BREAK = 1
_WAIT_OBJECT_0 = 0
_SYNCHRONIZE = 0x0010_0000


def main(pid: int, patience: int) -> int:
    """Does it; see the module for the result."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.OpenProcess.restype = ctypes.c_void_p
    kernel32.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    handler_type = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)
    process = kernel32.OpenProcess(_SYNCHRONIZE, 0, pid)
    if not process:
        return ATTACH + ctypes.get_last_error()
    kernel32.FreeConsole()
    if not kernel32.AttachConsole(pid):
        return ATTACH + ctypes.get_last_error()
    ignore = handler_type(lambda _event: 1)
    kernel32.SetConsoleCtrlHandler(ignore, 1)
    if not kernel32.GenerateConsoleCtrlEvent(_CTRL_C, 0):
        return SEND + ctypes.get_last_error()
    if kernel32.WaitForSingleObject(process, patience) == _WAIT_OBJECT_0:
        return ENDED
    return BREAK_SENT if kernel32.GenerateConsoleCtrlEvent(_CTRL_BREAK, 0) else BREAK_FAILED


def run(pid: str, patience: str) -> NoReturn:
    """Does it and ends the process; not by sys.exit, for the handler must not be called in a finalizing interpreter."""
    os._exit(main(int(pid), int(patience)))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
