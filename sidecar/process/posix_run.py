"""One run on Linux and macOS, as the sidecar sees it: what the guardian reports about it, and what it writes."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..core.exit_status import UNKNOWN, from_wait_status
from ..errors import InternalError
from . import channel, descendants, find_listeners_of, tree
from . import link as links
from .base import ListeningSocket, ProcessId, RunListener, Survivor
from .spec import LaunchSpec

assert sys.platform != "win32"

_BUFFER = bytearray(131072)  # shared: each read is delivered before the next one begins
_VIEW = memoryview(_BUFFER)
# Of one tree, zombies included, whose sockets are looked at: a look at 5,000 would hold the event loop for 0.3 s, every second.
_MAX_LOOKED = 1000
_LAST_READS = 16  # at most 2 MiB are read from a pipe before it is closed while a process still holds it


class OutputPipe:
    """Reads one of the two pipes in the loop, until its end or until it is closed."""

    def __init__(self, stream: str, deliver: Callable[[str, bytes], None], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._deliver = deliver
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._fd = -1

    def read(self, fd: int) -> None:
        """Begins to read from the descriptor."""
        self._fd = fd
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    @property
    def closed(self) -> bool:
        """Whether no more output will be delivered."""
        return self._fd < 0

    def _read(self) -> bool:
        """Reads once per turn, so that a flood does not block the loop. False if nothing is left to read."""
        try:
            count = os.readv(self._fd, [_BUFFER])
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        if count:
            self._deliver(self._stream, bytes(_VIEW[:count]))
            return True
        self._close()
        self._ended()
        return False

    def close(self) -> None:
        """Reads what is available, then closes, even if a process holds the other end. Does not call ``ended``."""
        self._ended = lambda: None
        for _read in range(_LAST_READS):
            if self._fd < 0 or not self._read():
                break
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


# Seconds that a pipe is still read after the end of the tree if an outside process holds it open: that process may still
# print how it shuts down, and a closed pipe would kill it (SIGPIPE).
_DRAIN = 0.5
# Seconds within which the end of the root must be reported; allowed twice, because this process may have slept.
_REPORT_TIMEOUT = 5.0
_ANSWER_TIMEOUT = 1.0  # seconds within which a guardian that was asked to kill must begin


class PosixRun:
    """One run. See base.RunningProcess."""

    def __init__(self, link: links.GuardianLink, serial: int, spec: LaunchSpec, listener: RunListener) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self.serial = serial
        self.spec = spec
        self.identity = ProcessId(0, 0.0)
        self.spawned: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[list[Survivor]] = self._loop.create_future()
        self._outputs = [OutputPipe(name, listener.output, self._finish) for name in ("stdout", "stderr")]
        self._timers: list[asyncio.TimerHandle] = []
        self._pidfd = -1
        self._stdin = -1
        self._exited = False
        self._kill_begun = False
        self.killed: list[Survivor] = []
        self._survivors: list[Survivor] | None = None

    def request_launch(self, marker: str) -> None:
        """Sends the program and its output pipes to the guardian. OSError: no descriptor is left, and the run has ended."""
        ends: tuple[int, ...] = ()
        try:
            ends, outputs, stdin = channel.open_streams(self.spec.stdin)
            self.adopt(outputs, stdin)
            passed = [self.spec.socket] if self.spec.socket >= 0 else []
            self._link.request(*channel.launch_request(self.serial, self.spec, marker), fds=[*outputs, *ends, *passed])
        except OSError as error:
            self.abandon(error)
            self.spawned.exception()  # raised here, so nothing else awaits it
            raise
        finally:
            for fd in ends:
                os.close(fd)

    def adopt(self, outputs: tuple[int, int], stdin: int) -> None:
        """Begins to read the output; ``stdin``: the write end, which is close-on-exec and only in this process."""
        self._stdin = stdin
        for pipe, fd in zip(self._outputs, outputs, strict=True):
            pipe.read(fd)

    def close_stdin(self) -> None:
        """See base."""
        if self._stdin >= 0:
            self._drop_stdin()
            self.begin_stop()

    def _drop_stdin(self) -> None:
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def begin_stop(self, *, asked: bool = True) -> None:
        """See base."""
        if not self.ended.done():
            self._link.request("stop", self.serial, asked or self.spec.stdin == "open")

    def interrupt(self, seconds: float | None = None) -> None:
        """See base. Harmless when repeated: each process gets the signal once."""
        self.close_stdin()
        if not self.ended.done():
            self._link.request("interrupt", self.serial, self.spec.graceful if seconds is None else seconds)

    def kill(self) -> None:
        """Kills the tree. If the guardian does not begin within a second, it is killed too, and the sidecar kills the tree."""
        self.close_stdin()
        if not self.ended.done():
            self._link.request("kill", self.serial)
            self._timers.append(self._loop.call_later(_ANSWER_TIMEOUT, self._check_answer))

    def processes(self) -> list[ProcessId]:
        """Returns the tree as it is now, root first."""
        entries = sorted(self._entries(), key=lambda entry: entry.pid != self.identity.pid)
        return [ProcessId(*entry.key) for entry in entries]

    def listeners(self) -> list[ListeningSocket] | None:
        """Returns the TCP sockets on which the tree listens; None if the system does not report them.

        Of a huge tree only the processes closest to the root are looked at; None if these do not listen.
        """
        members = list(islice(self._members(), _MAX_LOOKED))
        entries = [entry for entry in members if entry.alive]
        if any(entry.state == tree.HIDDEN for entry in entries) or not (entries or self._has_clearly_ended()):
            return None  # part of the tree is alive, and /proc does not show it
        found = find_listeners_of([entry.pid for entry in entries])
        return found if found or len(members) < _MAX_LOOKED else None

    def _has_clearly_ended(self) -> bool:
        """Whether a tree that is not visible has ended, even before the guardian reports that."""
        if self.ended.done():
            return True
        pid = self.identity.pid
        if not pid or tree.read_entry(os.getpid()) is None:
            return False
        try:
            os.kill(pid, 0)
        except OSError as error:
            return error.errno == errno.ESRCH
        return tree.read_entry(pid) is not None  # it waits to be reaped

    def _entries(self) -> list[tree.Entry]:
        return [entry for entry in self._members() if entry.alive]

    def _members(self) -> Iterator[tree.Entry]:
        if self.ended.done() or not self._link.open:
            return iter(())
        found = descendants.Descendants(self._link.guardian.pid)
        found.add_root(*self.identity)
        return found.members()

    def reported(self, kind: str, *facts: Any) -> None:
        """Handles a report from the guardian about this run."""
        if kind == "spawned":
            self.identity = ProcessId(*facts)
            self._watch_root()
            if not self.spawned.done():
                self.spawned.set_result(None)
        elif kind == "failed":
            from .executability import posix as refusal  # needed only after a failure

            self.abandon(refusal.explain(facts[0], facts[1], self.spec))
        elif kind == "exited":
            self.exit(facts[0])
        elif kind == "killing":
            self._kill_begun = True
        elif kind == "gone":
            self.tree_gone(*[[Survivor(*item) for item in group] for group in facts])

    def exit(self, wait_status: int | None) -> None:
        """The root ended; None: its status is unknown."""
        if not self._exited:
            self._exited = True
            self._unwatch_root()
            self._drop_stdin()
            if self._launched:
                self._listener.exited(UNKNOWN if wait_status is None else from_wait_status(wait_status))

    def tree_gone(self, survivors: list[Survivor], killed: list[Survivor]) -> None:
        """Only the survivors are alive; ``gone`` is reported once the output has ended too."""
        self.killed = killed
        self.exit(None)
        self._survivors = survivors
        self._timers.append(self._loop.call_later(_DRAIN, self._close_outputs))
        if not self._launched:
            self.abandon(InternalError("The backend was killed before its program was executed"))
        self._finish()

    def abandon(self, error: Exception) -> None:
        """The launch failed: the listener gets nothing, because launch raises."""
        self._survivors = self._survivors or []
        if not self.spawned.done():
            self.spawned.set_exception(error)
        self._close_outputs()

    @property
    def _launched(self) -> bool:
        return self.spawned.done() and not self.spawned.cancelled() and self.spawned.exception() is None

    def _close_outputs(self) -> None:
        self._drop_stdin()
        for pipe in self._outputs:
            pipe.close()
        self._finish()

    def _finish(self) -> None:
        if self._survivors is None or self.ended.done() or not all(pipe.closed for pipe in self._outputs):
            return
        self._unwatch_root()
        for timer in self._timers:
            timer.cancel()
        self.ended.set_result(self._survivors)
        if self._launched:
            self._listener.gone(self._survivors)

    def _check_answer(self) -> None:
        if not self._kill_begun and not self.ended.done():
            self._link.destroy()

    def _watch_root(self) -> None:
        """Watches for the end of the root, which a stopped guardian does not notice: the sidecar then wakes it."""
        self._pidfd = tree.open_pidfd(self.identity.pid)
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._root_ended)

    def _root_ended(self) -> None:
        self._unwatch_root()
        self._await_report(2)

    def _await_report(self, looks: int) -> None:
        """Kills the guardian if it does not report: a process of the tree may trace it, or withhold the root's end from it."""
        if self._exited or self.ended.done():
            return
        if looks:
            self._link.wake()
            self._timers.append(self._loop.call_later(_REPORT_TIMEOUT, self._await_report, looks - 1))
        else:
            self._link.destroy()

    def _unwatch_root(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
