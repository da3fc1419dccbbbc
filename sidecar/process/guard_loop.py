"""The guardian: it starts the backend, reports how it ends, and leaves nothing of its tree alive.

The socket to the sidecar is its lifeline: when it closes, every descendant is asked to end and soon killed. On Linux the guardian is
a subreaper: an orphan becomes its child, whatever its session, so "no child left" (ECHILD) proves that nothing is left; and
PR_SET_PDEATHSIG wakes even a stopped guardian with SIGCONT when the sidecar dies.

Elsewhere (macOS) the guardian knows only what portable.py finds of the tree, and if it is stopped at that moment, it stays stopped.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import _socket
import errno
import gc
import os
import select
import sys

from . import asking, channel, ending, prctl, trampoline, tree

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded here
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from .spec import EarlyRun

_LINGER = 30.0  # seconds to kill after the lifeline's end; what is alive then clearly cannot be killed
_MAX_REPORTED = 100  # processes in one report


def run(sock: _socket.socket, first: EarlyRun | None, started: tuple[int, int] | None) -> None:
    """Guards until the lifeline has ended and the tree is gone. ``first``: the first run, which is launched here unless already ``started``."""
    gc.freeze()  # a collection would write to every page that is still shared with the sidecar
    gc.enable()  # __main__.py disabled it
    guard = _Guard(sock)
    prctl.set_name("backend-guard")
    if first is not None:
        streams = () if started else first.streams
        guard.launch(*first.request[1:], outputs=first.outputs, streams=streams, started=started)
    guard.serve()


class _Guard:
    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._inbox = channel.Inbox()
        self._serial: int | None = None
        self._status_fd = -1  # the trampoline's, until execve
        self._outputs: list[int] = []
        self._unsent = b""
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._ending = ending.Ending(self._wake, self._root_exited)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, *(() if trampoline.HANGUP_IGNORED else (signal.SIGHUP,))):
            signal.signal(number, lambda *_: self._ending.note_signal())
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the sidecar's parent may block any signal, even SIGCHLD
        self._poll = select.poll()
        self._poll.register(sock.fileno(), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def serve(self) -> None:
        while True:
            for fd, _event in self._poll.poll(self._poll_timeout()):
                if fd == self._status_fd:
                    self._executed()
                elif fd == self._sock.fileno() and not self._serve_requests():
                    self._end_alone()
                    return
            self._follow()

    def _poll_timeout(self) -> float | None:
        """Returns milliseconds until the next look; None: only an event requires one."""
        if self._serial is None or self._status_fd >= 0:
            return None
        wait = self._ending.look_interval()
        return None if wait == asking.NEVER else wait * 1000 + 1

    # Requests and reports -------------------------------------------------------------------------------------------

    def _serve_requests(self) -> bool:
        try:
            alive = self._inbox.receive(self._sock)
        except BlockingIOError:
            return True
        while (message := self._inbox.next()) is not None:
            kind, serial, *rest = message
            if kind == "launch":
                fds, self._inbox.fds = self._inbox.fds, []  # launch requests come one at a time
                self.launch(serial, *rest, outputs=fds[:2], streams=fds[2:])
            elif serial != self._serial:
                continue  # about a run that has ended
            elif kind == "stop":
                self._ending.expect(asked=rest[0])
            elif kind == "interrupt" and self._status_fd < 0:
                self._ending.interrupt(*rest)
            elif kind == "kill":
                self._report("killing", serial)
                self._kill_run()
        return alive

    def _root_exited(self, status: int, left: bool) -> None:
        """``left``: something of the tree is alive; else ``gone`` follows at once, and this report is sent with it."""
        self._unsent = channel.encode(("exited", self._serial, status))
        if left or not tree.EXACT:
            self._report()

    def _report(self, *message: Any) -> None:
        data, self._unsent = self._unsent + (channel.encode(message) if message else b""), b""
        try:
            self._sock.setblocking(True)  # reports are few and small
            self._sock.sendall(data)
        except OSError:
            pass  # the sidecar is gone; the next read finds the end of the stream
        finally:
            self._sock.setblocking(False)

    # Launch ---------------------------------------------------------------------------------------------------------

    def launch(
        self,
        serial: int,
        program: trampoline.Program,
        marker: bytes,
        plan: channel.StopPlan,
        *,
        outputs: Sequence[int],
        streams: Sequence[int],
        started: tuple[int, int] | None = None,
    ) -> None:
        """Starts a run, or takes over one that was ``started``.

        ``outputs``: the read ends of its pipes. While one is open, printing cannot end the backend (SIGPIPE), even if the sidecar is dead.
        """
        self._hold(outputs)
        try:
            # recvmsg drops streams for which this process has no free descriptor
            if started is None and len(streams) < 3:
                self._report("failed", serial, "output", errno.EMFILE)
                return
            pid, status_read = started or trampoline.start(program, streams, plan[0])
        except OSError as error:
            self._report("failed", serial, "fork", error.errno or 0)
            return
        finally:
            for fd in streams:
                os.close(fd)
        self._serial, self._status_fd = serial, status_read
        self._poll.register(status_read, select.POLLIN)
        self._ending.begin(pid, marker, plan)

    def _executed(self) -> None:
        """The trampoline's status pipe has closed: after execve or a failure."""
        failure = os.read(self._status_fd, 200).decode()
        self._forget_trampoline()
        if failure:
            step, _, number = failure.partition(" ")
            os.waitpid(self._ending.root, 0)
            self._report("failed", self._serial, step, int(number))
            self._serial = None
            self._ending.forget()
        else:
            root = self._ending.root
            self._report("spawned", self._serial, root, self._ending.tree.started(root))

    def _forget_trampoline(self) -> None:
        if self._status_fd >= 0:
            self._poll.unregister(self._status_fd)
            os.close(self._status_fd)
            self._status_fd = -1

    def _hold(self, outputs: Sequence[int]) -> None:
        for fd in self._outputs:
            os.close(fd)
        self._outputs = list(outputs)

    # The end --------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Reaps what has ended and acts on it: during a stop the rest may end by itself, else it is killed."""
        self._ending.clear_wake()
        if self._status_fd >= 0:
            return  # spawned (or failed) is reported before exited: the pipe ends with the process
        if self._serial is None:
            self._ending.reap()
        elif not self._ending.is_left():
            self._end_run((), ())
        elif self._ending.over:
            self._kill_run()
        elif self._ending.stopping:
            self._ending.ask()
        elif not self._ending.root and not self._ending.finish():
            self._kill_run()

    def _end_alone(self) -> None:
        """The sidecar is gone: asks the tree to end, soon kills it, and stays until that is done."""
        if self._serial is not None and self._status_fd < 0 and self._ending.end_alone():
            self._follow()
            while self._serial is not None:
                wait = min(self._ending.look_interval(), ending.STOP_INTERVAL)
                for fd in select.select([self._wake, *self._outputs], [], [], wait)[0]:
                    if fd != self._wake and not os.read(fd, channel.CHUNK):
                        self._outputs.remove(fd)
                        os.close(fd)
                self._follow()
        self._ending.kill_tree(_LINGER, patient=True)

    def _kill_run(self) -> None:
        survivors, killed = self._ending.kill_tree(self._ending.kill_deadline)
        self._forget_trampoline()
        self._end_run(survivors, killed)

    def _end_run(self, survivors: Iterable[tree.Entry], killed: Iterable[tree.Entry]) -> None:
        serial = self._serial
        self._serial = None
        self._hold(())
        self._ending.forget()
        names = [tuple((e.pid, e.name) for e in entries)[:_MAX_REPORTED] for entries in (survivors, killed)]
        self._report("gone", serial, *names)
