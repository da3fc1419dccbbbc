"""CTRL_C through the console helper: the rung that needs another program. It blocks, and returns a sentence for the log."""

import ctypes
import subprocess
import sys

from . import console_helper, win32

assert sys.platform == "win32"

HELPER_FLAG = "--console-helper"
_HELPER_SECONDS = 5.0  # for the helper's own start and exit
_BREAK_BEFORE_END = 1.0  # seconds between CTRL_BREAK and the kill
UNREACHABLE = (
    "the backend has neither a console of its own for CTRL_C nor windows to close;"
    ' backend.stdin = "open" or backend.shutdown_path can ask it to exit'
)
_OUTCOMES = {
    console_helper.ENDED: "CTRL_C was sent, and the backend ended",
    console_helper.BREAK_SENT: "CTRL_C was sent; the backend still ran near the end of its time, so CTRL_BREAK was sent too",
    console_helper.BREAK_FAILED: "CTRL_C was sent; the backend still ran near the end of its time, and CTRL_BREAK could not be sent",
    console_helper.CLOSED: "the backend has no console of its own for CTRL_C, so its windows were asked to close",
    console_helper.NO_CONSOLE: UNREACHABLE,
}


def helper_command(pids: list[int], listed: float, patience: float) -> list[str]:
    """Returns the console helper's command. A frozen sidecar has no separate interpreter, so it runs itself."""
    arguments = [str(round(patience * 1000)), str(win32.filetime(listed)), *map(str, pids)]
    if getattr(sys, "frozen", False):
        return [sys.executable, HELPER_FLAG, *arguments]
    # -I -S: neither the environment nor site-packages are needed, and both cost time.
    return [sys.executable, "-I", "-S", console_helper.__file__, *arguments]


def send_console_interrupt(pids: list[int], listed: float, graceful: float) -> str:
    """Sends CTRL_C to the first console that, of all processes older than ``listed`` (time.time), only these have, and CTRL_BREAK shortly before ``graceful`` seconds are over. Returns once the console's process has ended."""
    patience = max(graceful - _BREAK_BEFORE_END, graceful / 2)
    command, nowhere, flags = helper_command(pids, listed, patience), subprocess.DEVNULL, subprocess.CREATE_NO_WINDOW
    limit = patience + _HELPER_SECONDS
    try:
        done = subprocess.run(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, creationflags=flags, timeout=limit, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the console helper failed: {error}"
    return describe_interrupt(done.returncode)


def describe_interrupt(status: int) -> str:
    if status in _OUTCOMES:
        return _OUTCOMES[status]
    if status >= console_helper.SEND:
        return f"CTRL_C could not be sent: {_error_text(status - console_helper.SEND)}"
    if status >= console_helper.ATTACH:
        return f"CTRL_C could not be sent, its console could not be attached: {_error_text(status - console_helper.ATTACH)}"
    return f"the console helper failed with exit status {status}"


def _error_text(number: int) -> str:
    return f"Windows error {number}: {ctypes.FormatError(number).strip()}"
