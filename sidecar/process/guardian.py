"""How the sidecar gets its guardian, the small process between it and the backend (guard_loop.py says what it does).

The first is forked right after hello, when the interpreter is small and has one thread, which is cheaper than a fresh one. A
killed one is replaced by a fresh interpreter: by then a fork would copy the locks of the sidecar's threads.
"""

from __future__ import annotations

import _socket
import os
import sys

assert sys.platform != "win32"

HIDDEN_ARGUMENT = "--guardian"


class Guardian:
    """A guardian's pid, its socket whose end is the lifeline, and whether it has Linux' mechanisms (``exact``)."""

    def __init__(self, pid: int, socket: _socket.socket, *, exact: bool) -> None:
        self.pid = pid
        self.socket = socket
        self.exact = exact


def fork_guardian(*, exact: bool = sys.platform == "linux") -> Guardian:
    """Forks the guardian. Only for a process that has one thread, and before anything heavy is imported."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        try:
            from . import guard_loop

            guard_loop.run(theirs.fileno(), exact=exact)
        finally:
            os._exit(70)
    theirs.close()
    ours.setblocking(False)
    return Guardian(pid, ours, exact=exact)


def spawn_guardian(*, exact: bool = sys.platform == "linux") -> Guardian:
    """Executes a guardian in a fresh interpreter, and does not wait until it is up: messages wait in the socket.

    Raises OSError: the interpreter cannot be executed.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    actions = [
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    argv = _command(exact=exact)
    try:
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Guardian(pid, ours, exact=exact)


def _command(*, exact: bool) -> list[str]:
    """The command line of a fresh guardian. A frozen executable has no -c: it is called with a hidden first argument."""
    facts = [HIDDEN_ARGUMENT, str(int(exact))]
    if getattr(sys, "frozen", False):
        return [sys.executable, *facts]
    package = __package__ or ""
    root = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded in the guardian
    for _level in package.split("."):
        root = os.path.dirname(root)  # noqa: PTH120 - as above
    paths = [root, *(path for path in sys.path if path and not exact)]  # psutil is found where the sidecar finds it
    code = f"import sys; sys.path += {paths!r}; from {package}.guardian import main; main(sys.argv[1:])"
    return [sys.executable, "-I", "-S", "-c", code, *facts]


def main(arguments: list[str]) -> None:
    """The fresh guardian: ``--guardian EXACT``, the socket as its stdin."""
    from . import guard_loop

    guard_loop.run(os.dup(0), exact=arguments[1] == "1")
