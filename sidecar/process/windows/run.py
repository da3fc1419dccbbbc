"""One run on Windows, in its own job object. Everything runs on the event loop's thread, unless a name says otherwise."""

import _winapi
import asyncio
import sys
import time
from collections.abc import Callable

from ...core.exit_status import UNKNOWN, ExitStatus, from_windows
from ...threads import in_thread
from ..base import ListeningSocket, ProcessId, RunListener, Survivor
from ..spec import LaunchSpec
from . import lookup, output, spawn

assert sys.platform == "win32"

DRAIN = 0.5  # seconds that a pipe is still read after the end of the tree if an outside process holds it open
_STOP_INTERVAL = 0.05  # seconds between two looks at a tree that is ending
_MAX_NAMED = 100
_TICKS = 0.1  # seconds; a process's creation time is that of the clock's last tick
_MAX_TARGETS = 3000  # pids that fit on a command line
_LOOK_AGAIN = 0.002  # seconds; the loop's clock rounds it up to a tick of 15.6 ms at most


class WindowsRun:
    """One run. See base.RunningProcess."""

    def __init__(
        self, started: spawn.Started, spec: LaunchSpec, listener: RunListener, report: Callable[[str], None]
    ) -> None:
        self._spec = spec
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._report = report
        self._job = started.job
        self._process = started.process
        self.identity = ProcessId(started.pid, started.created)
        self._stdin = started.stdin
        self.ended: asyncio.Future[list[Survivor]] = self._loop.create_future()
        self._outputs = [
            output.OutputPipe(handle, stream, deliver=listener.output, ended=self._finish, report=report)
            for handle, stream in ((started.stdout, "stdout"), (started.stderr, "stderr"))
        ]
        self._timers: list[asyncio.TimerHandle] = []
        self._interrupted = False
        self._exited = False
        self._stopping = False
        self._kill_began: float | None = None
        self.killed: list[Survivor] = []
        self._survivors: list[Survivor] | None = None
        in_thread(self._wait_in_thread).add_done_callback(self._root_ended)

    def begin_stop(self, *, asked: bool = True) -> None:  # noqa: ARG002 - we cannot see whether CTRL_C would only kill it
        self._stopping = True

    def close_stdin(self) -> None:
        if self._stdin:
            self._stopping = True
            _winapi.CloseHandle(self._stdin)
            self._stdin = 0

    def interrupt(self, seconds: float | None = None) -> None:
        """See base. CTRL_C reaches all processes on the console; a tree that cannot be asked is killed at once, because waiting is useless."""
        asked, self._stopping = self._stopping or bool(self._stdin), True
        self.close_stdin()
        listed = time.time() - _TICKS
        targets = [process.pid for process in self.processes()]
        if len(targets) > _MAX_TARGETS:  # processes that are left out may be on the console too
            targets, listed = targets[:_MAX_TARGETS], 0.0
        if self._interrupted or self._kill_began is not None:
            return
        handles = list(filter(None, map(lookup.hold, targets)))  # until they are closed, no pid is reused
        living = set(self._job.pids())
        found = [pid for pid in targets if pid in living]  # others ended before they were held: pids may be reused
        self._interrupted = bool(found)
        from .rungs import UNREACHABLE, send_console_interrupt

        def done(outcome: asyncio.Future[str]) -> None:
            for handle in handles:
                _winapi.CloseHandle(handle)
            if found:
                text = str(outcome.exception() or outcome.result())
                self._report(text)
                if text == UNREACHABLE and not asked:
                    self.kill()

        graceful = self._spec.graceful if seconds is None else seconds
        in_thread(lambda: send_console_interrupt(found, listed, graceful) if found else "").add_done_callback(done)

    def kill(self) -> None:
        if self._survivors is not None:
            return
        self.close_stdin()
        first, self._kill_began = self._kill_began is None, self._kill_began or self._loop.time()
        if first:
            self.killed = [lookup.survivor(process.pid) for process in self.processes()[:_MAX_NAMED]]
        done = self._job.terminate()
        if first:
            if self.killed or not done:
                self._report(
                    f"TerminateJobObject {'ended' if done else 'failed for'} {len(self.killed)} processes of the backend"
                )
            self._look()

    def processes(self) -> list[ProcessId]:
        root = self.identity.pid
        # The system's host of the hidden console is in the job too, but the backend did not start it.
        pids = [pid for pid in self._job.pids() if pid == root or lookup.name_of(pid).lower() != "conhost.exe"]
        pids.sort(key=lambda pid: pid != root)
        return [found for found in map(lookup.identify, pids) if found is not None]

    def listeners(self) -> list[ListeningSocket] | None:
        from .sockets import find_listeners_of

        return find_listeners_of(set(self._job.pids()))

    def _wait_in_thread(self) -> int:
        """Waits for the process and returns its exit code. Its pipes cannot show the exit, because a grandchild may hold them open."""
        _winapi.WaitForSingleObject(self._process, _winapi.INFINITE)
        return _winapi.GetExitCodeProcess(self._process)

    def _root_ended(self, code: asyncio.Future[int]) -> None:
        self._exit(UNKNOWN if code.exception() else from_windows(code.result()))
        _winapi.CloseHandle(self._process)
        if self._stopping and self.processes():
            self.interrupt()
            self._await_rest()
        else:
            self.kill()

    def _await_rest(self) -> None:
        """During a stop, lets what the root leaves behind end by itself, until the ladder's kill."""
        if self._kill_began is not None:
            return
        if self.processes():
            self._timers.append(self._loop.call_later(_STOP_INTERVAL, self._await_rest))
        else:
            self.kill()

    def _exit(self, status: ExitStatus) -> None:
        if not self._exited:
            self._exited = True
            self._listener.exited(status)

    def _look(self) -> None:
        assert self._kill_began is not None
        elapsed = self._loop.time() - self._kill_began
        left = self._job.pids()
        if not left and self._exited:
            self._tree_gone([])
        elif elapsed >= self._spec.kill_deadline:
            self._tree_gone([lookup.survivor(pid) for pid in left or [self.identity.pid]])
        else:
            self._timers.append(self._loop.call_later(_LOOK_AGAIN, self._look))

    def _tree_gone(self, survivors: list[Survivor]) -> None:
        self._survivors = survivors
        self.killed = [item for item in self.killed if item not in survivors]
        self._exit(UNKNOWN)
        self._timers.append(self._loop.call_later(DRAIN, self._close_outputs))
        self._finish()

    def _close_outputs(self) -> None:
        for pipe in self._outputs:
            pipe.close()
        self._finish()

    def _finish(self) -> None:
        if self._survivors is None or self.ended.done() or not all(pipe.closed for pipe in self._outputs):
            return
        for timer in self._timers:
            timer.cancel()
        self._job.close()
        self.ended.set_result(self._survivors)
        self._listener.gone(self._survivors)
