"""The signals by which the system asks a program to end, and how to start a child so that only we get them."""

from __future__ import annotations

import signal
import sys
import time

from ...threads import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import subprocess
    from collections.abc import Callable
    from typing import Any

if sys.platform == "win32":
    TERMINATION: tuple[signal.Signals, ...] = ()
    RESIZE: tuple[signal.Signals, ...] = ()
    OWN_SESSION: dict[str, Any] = {"creationflags": 0x0800_0000}  # CREATE_NO_WINDOW of winbase.h
    _CLOSING = {2, 5, 6}  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT of wincon.h
    _handlers: list[object] = []  # Windows holds only their addresses

    def on_termination(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        import ctypes

        from ..windows import win32

        def closing(event: int) -> int:
            # Windows ends the process as soon as this returns, and after 5 s in any case (HandlerRoutine). Python's handler of
            # SIGBREAK, which the C runtime calls for these events too, returns at once.
            if event not in _CLOSING:
                return 0
            post(loop, callback)
            while True:  # until the main thread exits
                time.sleep(60)

        for number in (signal.SIGINT, signal.SIGBREAK):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
        _handlers.append(ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(closing))
        win32.SetConsoleCtrlHandler(_handlers[-1], 1)

    def forward_to(child: subprocess.Popen[bytes]) -> None:  # noqa: ARG001 - the signature of POSIX
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # console events reach both; Windows has no other signals

else:
    TERMINATION = (signal.SIGTERM, signal.SIGHUP)  # the signals that ask a command to end, besides Ctrl+C

    _ALL_TERMINATION = (signal.SIGINT, *TERMINATION)

    RESIZE = (signal.SIGWINCH,)  # the signal that reports a new terminal size

    OWN_SESSION: dict[str, Any] = {"start_new_session": True}
    """Popen arguments for a child that the terminal's Ctrl+C does not reach, on Windows without a console window."""

    def on_termination(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        """Calls back on the loop when the system asks the sidecar to end; a SIGHUP ignored through nohup(1) stays ignored."""
        for number in _ALL_TERMINATION:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, callback)

    def forward_to(child: subprocess.Popen[bytes]) -> None:
        """Forwards requests to end to a child, which we outlive."""
        for number in _ALL_TERMINATION:
            signal.signal(number, lambda received, _: child.send_signal(received))
