"""The signals by which the system asks a program to end, and how to start a child so that only we get them."""

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
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # console events reach both; Windows has no other signals

else:
    TERMINATION = (signal.SIGTERM, signal.SIGHUP)
    """The signals that ask a command to end, besides Ctrl+C."""

    _ALL_TERMINATION = (signal.SIGINT, *TERMINATION)

    RESIZE = (signal.SIGWINCH,)
    """The signal that reports a new terminal size."""

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
