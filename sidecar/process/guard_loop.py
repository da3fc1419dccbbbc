"""The guardian: it starts the backend, reports how it ends, and leaves nothing of its tree alive.

The stream socket to the sidecar is its lifeline: at its end, whatever ended the sidecar, every descendant is killed.
On Linux it is a subreaper: an orphaned descendant becomes its child, whatever session it is in. So "no child left"
(ECHILD) proves that nothing of the tree is left. PR_SET_PDEATHSIG wakes it with SIGCONT when the sidecar dies, so
that even a stopped guardian sees the end of its lifeline.

Elsewhere (macOS) the tree is only as well known as portable.py can know it, and a guardian that is *stopped* when
the sidecar dies sleeps on: neither can be promised there.
"""

from __future__ import annotations

import _socket
import os
import select
import signal
import sys
import time

from . import channel, killing, portable, prctl, trampoline, tree

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded here
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PATIENCE = 30.0  # seconds; at the end of the lifeline the guardian leaves only what it can plainly not kill
_LOOK_INTERVAL = 0.5  # seconds between two looks at a tree that no subreaper holds together


def run(fd: int, *, exact: bool) -> None:
    """Becomes the guardian, and returns when the lifeline has ended and the tree is gone."""
    sock = _detach(fd)
    if exact:
        prctl.become_subreaper()
        prctl.set_parent_death_signal(int(signal.SIGCONT))
        prctl.set_name("backend-guard")
        # No getppid here: an owner that was gone before the signal was armed has closed its end, and poll tells that.
    _Guard(sock, exact=exact).serve()


def _detach(fd: int) -> _socket.socket:
    """Leaves the terminal's group and drops all descriptors but the socket and stderr; above all the sidecar's pipes."""
    try:
        os.setsid()
    except PermissionError:  # it leads a group already
        pass
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.closerange(3, fd)
    os.closerange(fd + 1, 65536)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    sock = _socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock


class _Guard:
    def __init__(self, sock: _socket.socket, *, exact: bool) -> None:
        self._sock = sock
        self._exact = exact
        self._inbox = channel.Inbox()
        self._serial: int | None = None
        self._root = 0  # the backend's pid, until its status was read
        self._status_fd = -1  # the trampoline's, until execve
        self._marker: bytes | None = None
        self._kill_deadline = 0.0  # seconds
        self._memory = portable.Memory()
        self._table = tree.table if exact else portable.table
        self._read_entry = tree.read_entry if exact else portable.read_entry
        self._send_signal = tree.send if exact else portable.send
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(sock.fileno(), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def serve(self) -> None:
        while True:
            for fd, _event in self._poll.poll(None if self._exact or not self._root else _LOOK_INTERVAL * 1000):
                if fd == self._wake:
                    self._children_changed()
                elif fd == self._status_fd:
                    self._executed()
                elif fd == self._sock.fileno() and not self._serve_requests():
                    self._kill_tree(_PATIENCE, patient=True)
                    return
            if not self._exact and self._root:
                self._memory.look(self._table())

    def _serve_requests(self) -> bool:
        try:
            alive = self._inbox.receive(self._sock)
        except BlockingIOError:
            return True
        while (message := self._inbox.next()) is not None:
            kind, serial, *rest = message
            if kind == "launch":
                self._launch(serial, *rest)
            elif serial != self._serial:
                continue  # about a run that has ended
            elif kind == "interrupt":
                self._interrupt()
            elif kind == "kill":
                self._report("killing", serial)
                self._end_run()
        return alive

    def _report(self, *message: Any) -> None:
        try:
            self._sock.setblocking(True)  # reports are few and small
            self._sock.sendall(channel.encode(message))
        except OSError:
            pass  # the sidecar is gone; its end of the stream is read next
        finally:
            self._sock.setblocking(False)

    def _launch(self, serial: int, program: trampoline.Program, marker: bytes, kill_deadline: float) -> None:
        outputs, self._inbox.fds = self._inbox.fds[:2], self._inbox.fds[2:]
        status_read, status_write = os.pipe()
        guardian = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(status_read)
            self._report("failed", serial, "fork", error.errno or 0)
            return
        else:
            if pid == 0:
                trampoline.run(program, outputs, status_write, guardian if self._exact else None)
        finally:
            os.close(status_write)
            for fd in outputs:
                os.close(fd)
        self._serial, self._root, self._status_fd = serial, pid, status_read
        self._marker, self._kill_deadline = marker, kill_deadline
        self._poll.register(status_read, select.POLLIN)
        entry = self._read_entry(pid)
        if entry is not None:
            self._memory.add_root(entry)

    def _executed(self) -> None:
        """The trampoline has ended, in execve or in a failure."""
        said = os.read(self._status_fd, 200).decode()
        self._forget_trampoline()
        if said:
            step, _, number = said.partition(" ")
            serial, self._serial = self._serial, None
            os.waitpid(self._root, 0)
            self._root = 0
            self._memory.forget()
            self._report("failed", serial, step, int(number))
            return
        entry = self._read_entry(self._root)
        self._report("spawned", self._serial, self._root, entry.started if entry else 0.0)
        self._children_changed()

    def _forget_trampoline(self) -> None:
        if self._status_fd >= 0:
            self._poll.unregister(self._status_fd)
            os.close(self._status_fd)
            self._status_fd = -1

    def _interrupt(self) -> None:
        """SIGTERM to the backend's group, then SIGCONT: a stopped process would not see it before it goes on.

        The root was not waited for yet, so neither its pid nor its group can have been given to anybody else.
        """
        if self._root and self._status_fd < 0:
            for number in (signal.SIGTERM, signal.SIGCONT):
                try:
                    os.killpg(self._root, number)
                except OSError:  # ended, or all of the group has changed its user
                    pass

    def _children_changed(self) -> None:
        self._clear_wake()
        if self._status_fd >= 0:
            return  # spawned (or failed) is told before exited: the pipe ends with the process, and calls back here
        had_root = self._root
        self._reap()
        if had_root and not self._root and self._serial is not None:
            self._end_run()

    def _clear_wake(self) -> None:
        try:
            while os.read(self._wake, 512):
                pass
        except BlockingIOError:
            pass

    def _reap(self) -> bool:
        """Reads the status of every child that has ended; False when no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._root:
                self._root = 0
                self._report("exited", self._serial, status)

    def _end_run(self) -> None:
        survivors = self._kill_tree(self._kill_deadline)
        self._forget_trampoline()
        serial, self._serial = self._serial, None
        self._memory.forget()
        self._report("gone", serial, tuple((entry.pid, entry.name) for entry in survivors))

    def _kill_tree(self, seconds: float, *, patient: bool = False) -> list[tree.Entry]:
        """Kills every descendant; gives those that are alive when the time is over.

        Args:
            seconds: the time; counted from the last process that was new, if ``patient``.
            patient: nobody waits, and nobody else will do it.
        """
        deadline = time.monotonic() + seconds
        kill = killing.TreeKill(self._members, self._send_signal)
        while True:
            if not self._reap() and self._exact:
                return []
            pause = kill.step()
            if pause is None and not self._exact:
                self._reap()
                return []
            now = time.monotonic()
            if patient and kill.growing:
                deadline = now + seconds
            if now > deadline:
                return [entry for entry in self._members() if entry.alive]
            if pause and not self._reap_for(pause):
                return []

    def _reap_for(self, seconds: float) -> bool:
        """Waits, and reaps meanwhile; False when nothing is left to wait for."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self._wake], [], [], left)
            self._clear_wake()
            if not self._reap() and self._exact:
                return False
        return True

    def _members(self) -> Iterable[tree.Entry]:
        if self._exact:
            return tree.walk((os.getpid(),))
        return self._memory.look(self._table(), self._marker)
