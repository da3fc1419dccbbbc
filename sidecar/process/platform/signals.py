"""The signals by which the system asks a program to end, and what a child is started with so that they stay ours."""

from __future__ import annotations

import signal
import sys

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

    def on_termination(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        for number in (signal.SIGINT, signal.SIGBREAK):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))

    def forward_to(child: subprocess.Popen[bytes]) -> None:  # noqa: ARG001 - the signature of POSIX
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a console's events reach both; nothing else is a signal

else:
    TERMINATION = (signal.SIGTERM, signal.SIGHUP)
    """What asks a command to end, besides Ctrl+C."""

    _ALL_TERMINATION = (signal.SIGINT, *TERMINATION)

    RESIZE = (signal.SIGWINCH,)
    """What reports a new size of the terminal."""

    OWN_SESSION: dict[str, Any] = {"start_new_session": True}
    """Arguments of Popen for a child out of reach of the terminal's Ctrl+C, on Windows without a console window."""

    def on_termination(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        """Calls back on the loop when the system asks the sidecar to end; a SIGHUP that nohup(1) ignores stays ignored."""
        for number in _ALL_TERMINATION:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, callback)

    def forward_to(child: subprocess.Popen[bytes]) -> None:
        """Sends requests to end on to a child, which we outlive."""
        for number in _ALL_TERMINATION:
            signal.signal(number, lambda received, _: child.send_signal(received))
