"""How the sidecar gets its guardian, the small process between it and the backend (guard_loop.py describes what it does).

The first is forked soon after hello, while the interpreter is small and has one thread: cheaper than starting a new interpreter.
A guardian that was killed is replaced by a new interpreter, because by then a fork would copy the locks of the sidecar's threads.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import _socket
import os
import sys

from . import prctl, trampoline, tree

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from typing import NoReturn

    from .spec import EarlyRun

HIDDEN_ARGUMENT = "--guardian"
_HEAD_START = 10  # milliseconds for the first run, less than the sidecar's own imports take; a request or the sidecar's end cuts it short


class Guardian:
    """A guardian's pid, and our end of its socket, the lifeline. ``is_only_child``: the sidecar had no children before."""

    def __init__(self, pid: int, socket: _socket.socket, *, is_only_child: bool = True) -> None:
        self.pid = pid
        self.socket = socket
        self.is_only_child = is_only_child


def fork_guardian(first: EarlyRun | None = None) -> Guardian:
    """Forks the guardian, which first launches the first run. Only for a process with one thread."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    others = tree.children(os.getpid())
    pid = os.fork()
    if pid == 0:
        ours.close()
        _guard(theirs.fileno(), first)
    theirs.close()
    if first is not None:
        for fd in first.streams:
            os.close(fd)
    ours.setblocking(False)
    return Guardian(pid, ours, is_only_child=not others)


def spawn_guardian() -> Guardian:
    """Starts a guardian in a new interpreter, without waiting for it: messages wait in the socket. Raises OSError."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    actions = [
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    argv = _command()
    try:
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Guardian(pid, ours)


def _command() -> list[str]:
    """Returns the command line of a new guardian. A frozen executable has no -c: it is called with a hidden argument."""
    if getattr(sys, "frozen", False):
        return [sys.executable, HIDDEN_ARGUMENT]
    package = __package__ or ""
    root = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded in the guardian
    for _level in package.split("."):
        root = os.path.dirname(root)  # noqa: PTH120 - as above
    # Without tree.EXACT the guardian needs psutil, and finds it where the sidecar does.
    paths = [root, *(path for path in sys.path if path and not tree.EXACT)]
    code = f"import sys; sys.path += {paths!r}; from {package}.guardian import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, HIDDEN_ARGUMENT]  # for people who read a process list


def main() -> None:
    """Runs a new guardian, whose stdin is the socket."""
    _guard(os.dup(0), None)


def _guard(fd: int, first: EarlyRun | None) -> NoReturn:
    """Becomes the guardian, and exits when the lifeline has ended and the tree is gone."""
    status = 70
    try:
        if tree.EXACT:
            prctl.become_subreaper()
            prctl.set_parent_death_signal(int(signal.SIGCONT))
            # No getppid check: if the sidecar died before the signal was armed, its end of the socket is closed, which poll reports.
        started: tuple[int, int] | None = None
        kept: tuple[int, ...] = ()
        if first is not None:
            _, _, program, _, plan = first.request
            # Otherwise the run would inherit what the app left open for the sidecar.
            _close_all_but(fd, *first.streams, *first.outputs)
            try:
                started = trampoline.start(program, first.streams, plan[0])
                kept = (started[1], *first.outputs)
            except OSError:
                kept = (*first.streams, *first.outputs)  # the loop tries again, and reports the error
            os.sched_yield()  # to the first run, which is about to call execve
        sock = _detach(fd, kept)
        if first is not None:
            # On two processors, both busy with the sidecar and the first run now, the imports below would delay one of them.
            import select  # not before the launch

            poll = select.poll()
            poll.register(sock, select.POLLIN)
            poll.poll(_HEAD_START)
        from . import guard_loop

        guard_loop.run(sock, first, started)
        status = 0
    except Exception:  # noqa: BLE001 - the sidecar takes over, and its log has the reason
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _detach(fd: int, kept: tuple[int, ...]) -> _socket.socket:
    """Leaves the terminal's group and closes all descriptors except the socket, ``kept`` and stderr; above all the sidecar's pipes."""
    try:
        os.setsid()
    except PermissionError:  # it already leads a group
        pass
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    _close_all_but(fd, *kept)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    sock = _socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock


def _close_all_but(*kept: int) -> None:
    """Closes every other descriptor above the three standard ones."""
    lowest = 3
    for number in sorted(kept):
        os.closerange(lowest, number)
        lowest = max(lowest, number + 1)
    os.closerange(lowest, 65536)
