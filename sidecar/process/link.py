"""The sidecar's end of the socket to its guardian, in the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from . import channel
from . import guardian as guardians

assert sys.platform != "win32"


class GuardianLink:
    """Sends requests without ever blocking, delivers reports one by one, and reports once that the guardian is gone."""

    def __init__(
        self,
        guardian: guardians.Guardian,
        report: Callable[[tuple[Any, ...]], None],
        lost: Callable[[], None],
    ) -> None:
        self.guardian = guardian
        self._report = report
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._inbox = channel.Inbox()
        self._unsent: deque[tuple[bytes, Sequence[int]]] = deque()
        self._paused = False
        self.open = True
        self._loop.add_reader(guardian.socket.fileno(), self._readable)

    def request(self, *message: Any, fds: Sequence[int] = ()) -> None:
        """Queues a request. The descriptors are copied; the caller may close its own at once. OSError: no descriptor is left."""
        if not self.open:
            return
        idle = not self._unsent
        copies: list[int] = []
        try:
            for fd in fds:
                copies.append(os.dup(fd))  # noqa: PERF401 - closed again if the next one fails
        except OSError:
            _close_all(copies)
            raise
        self._unsent.append((channel.encode(message), copies))
        if idle:
            self._flush()
        self.wake()

    def wake(self) -> None:
        """Lets a stopped guardian continue. It is our unreaped child, so its pid cannot be reused."""
        self._signal(signal.SIGCONT)

    def destroy(self) -> None:
        """Kills a guardian that does not answer; what follows is the same as after a kill by another program."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Closes the lifeline: the guardian kills what it still has, and exits."""
        if self.open:
            self.wake()
            self.open = False
            fd = self.guardian.socket.fileno()
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
            self.guardian.socket.close()
            self._drop_unsent()

    def _signal(self, number: int) -> None:
        if self.open:
            try:
                os.kill(self.guardian.pid, number)
            except ProcessLookupError:
                pass

    def _flush(self) -> None:
        sock = self.guardian.socket
        try:
            while self._unsent:
                data, fds = self._unsent[0]
                sent = channel.send(sock, data, fds)
                _close_all(fds)
                self._unsent[0] = (data[sent:], ())
                if sent == len(data):
                    self._unsent.popleft()
        except BlockingIOError:
            self._loop.add_writer(sock.fileno(), self._flush)
            return
        except OSError:
            self._drop_unsent()  # the guardian is gone, which the read side will see
        self._loop.remove_writer(sock.fileno())

    def _drop_unsent(self) -> None:
        while self._unsent:
            _close_all(self._unsent.popleft()[1])

    def _readable(self) -> None:
        try:
            alive = self._inbox.receive(self.guardian.socket)
        except BlockingIOError:
            return
        self._deliver()
        if not alive:
            # Nothing more can come; queued reports are delivered first.
            self._loop.remove_reader(self.guardian.socket.fileno())
            self._loop.call_soon(self._ended)

    def _deliver(self) -> None:
        """Delivers one report per turn of the loop: the task that it wakes acts before the next report is delivered."""
        if self._paused:
            return
        message = self._inbox.next()
        if message is not None:
            self._paused = True
            try:
                self._report(message)
            finally:
                self._loop.call_soon(self._resume)  # after the task that was woken

    def _resume(self) -> None:
        self._paused = False
        self._deliver()

    def _ended(self) -> None:
        if self._paused:
            self._loop.call_soon(self._ended)
        elif self.open:
            self.close()
            self._lost()


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
