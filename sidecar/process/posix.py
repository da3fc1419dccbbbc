"""Runs on Linux and macOS: launched, followed and killed through the guardian.

When the guardian is killed, the sidecar, itself a subreaper, has its tree, and kills it. The next launch gets a new
guardian. Everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from ..core.exit_status import UNKNOWN, from_wait_status
from ..errors import InternalError
from . import guardian as guardians
from . import killing, launch_failure, link, output, portable, prctl, tree
from .base import LaunchSpec, ListeningSocket, ProcessId, RunListener, Survivor

assert sys.platform != "win32"

KILL_DEADLINE = 5.0  # seconds until what is still alive is told as surviving
DRAIN = 0.5  # seconds that a pipe is still read after the exit, when somebody holds it open
_ANSWER = 1.0  # seconds within which a guardian that was asked to kill must have begun
_LAUNCH = 10.0  # seconds for fork and execve; a program on a network file system may take its time
_MARKER = "SIDECAR_MARKER"


class _GuardianLostError(Exception):
    """The guardian ended before the launch was through."""


class PosixRun:
    """One run. See base.RunningProcess."""

    def __init__(self, layer: PosixProcessLayer, serial: int, spec: LaunchSpec, listener: RunListener) -> None:
        self._layer = layer
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self.serial = serial
        self.spec = spec
        self.identity = ProcessId(0, 0.0)
        self.spawned: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[list[Survivor]] = self._loop.create_future()
        self._outputs = [
            output.OutputPipe(name, listener.output, self._finish, self._loop) for name in ("stdout", "stderr")
        ]
        self._timers: list[asyncio.TimerHandle] = []
        self._pidfd = -1
        self._exited = False
        self._kill_begun = False
        self._survivors: list[Survivor] | None = None

    def interrupt(self) -> None:
        """SIGTERM to the backend's group, and SIGCONT, in case that it is stopped."""
        self._layer.request("interrupt", self)

    def kill(self) -> None:
        """Kills the tree. A guardian that does not begin within a second is killed too, and the sidecar does it."""
        if not self.ended.done():
            self._layer.request("kill", self, KILL_DEADLINE)
            self._timers.append(self._loop.call_later(_ANSWER, self._check_answer))

    def processes(self) -> list[ProcessId]:
        """The tree as it is now, root first."""
        entries = [] if self.ended.done() else self._layer.members(self.identity)
        entries.sort(key=lambda entry: entry.pid != self.identity.pid)
        return [ProcessId(*entry.key) for entry in entries]

    def listeners(self) -> list[ListeningSocket] | None:
        """TCP sockets on which the tree listens; None where the system does not tell."""
        from . import find_listeners_of

        return find_listeners_of([process.pid for process in self.processes()])

    def open_outputs(self) -> list[int]:
        """Begins to read, and gives the write ends."""
        return [pipe.open() for pipe in self._outputs]

    def told(self, kind: str, *facts: Any) -> None:
        """A report of the guardian about this run."""
        if kind == "spawned":
            self.identity = ProcessId(*facts)
            self._watch_root()
            if not self.spawned.done():
                self.spawned.set_result(None)
        elif kind == "failed":
            self.abandon(launch_failure.explain(facts[0], facts[1], self.spec.command, self.spec.cwd, self.spec.env))
        elif kind == "exited":
            self.exit(facts[0])
        elif kind == "killing":
            self._kill_begun = True
        elif kind == "gone":
            self.tree_gone([Survivor(*survivor) for survivor in facts[0]])

    def exit(self, wait_status: int | None) -> None:
        """The root ended; None: nobody knows how."""
        if not self._exited:
            self._exited = True
            self._unwatch_root()
            if self._launched:
                self._listener.exited(UNKNOWN if wait_status is None else from_wait_status(wait_status))
            self._timers.append(self._loop.call_later(DRAIN, self._close_outputs))

    def tree_gone(self, survivors: list[Survivor]) -> None:
        """Nothing else is alive; ``gone`` is told when the output has ended too."""
        self.exit(None)
        self._survivors = survivors
        if not self._launched:
            self.abandon(InternalError("The backend was killed before its program was executed"))
        self._finish()

    def abandon(self, error: Exception) -> None:
        """The launch failed: the listener is told nothing, for launch raises."""
        self._survivors = self._survivors or []
        for pipe in self._outputs:
            pipe.close()
        if not self.spawned.done():
            self.spawned.set_exception(error)
        self._finish()

    @property
    def _launched(self) -> bool:
        return self.spawned.done() and not self.spawned.cancelled() and self.spawned.exception() is None

    def _close_outputs(self) -> None:
        for pipe in self._outputs:
            pipe.close()
        self._finish()

    def _finish(self) -> None:
        if self._survivors is None or self.ended.done() or not all(pipe.closed for pipe in self._outputs):
            return
        self._unwatch_root()
        for timer in self._timers:
            timer.cancel()
        self._layer.run_ended(self)
        self.ended.set_result(self._survivors)
        if self._launched:
            self._listener.gone(self._survivors)

    def _check_answer(self) -> None:
        if not self._kill_begun and not self.ended.done():
            self._layer.give_up_guardian()

    def _watch_root(self) -> None:
        """A stopped guardian sleeps through the end of the root: so the sidecar sees it too, and wakes the guardian."""
        if sys.platform == "linux":
            try:
                self._pidfd = os.pidfd_open(self.identity.pid)
            except (OSError, AttributeError):  # it was reaped already, or the kernel is older than 5.3
                return
            self._loop.add_reader(self._pidfd, self._root_ended)

    def _root_ended(self) -> None:
        self._unwatch_root()
        self._layer.wake_guardian()

    def _unwatch_root(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


class PosixProcessLayer:
    """See base.ProcessLayer. One run at a time: a launch waits until the run before it is gone.

    Attributes:
        marker: ``NAME=value`` in the environment of everything that this sidecar launches; proves to reclaim that an
            orphan is ours, whatever became of its ancestry.
        helpers: pids of the sidecar's own other children; they and what is below them are no part of a backend's tree.
    """

    def __init__(self, guardian: guardians.Guardian) -> None:
        self.helpers: set[int] = set()
        self.marker = f"{_MARKER}={os.urandom(12).hex()}"
        self._hold = guardian
        self._link: link.GuardianLink | None = None
        self._run: PosixRun | None = None
        self._serial = 0
        self._armed = False
        self._cleanup: asyncio.Task[None] | None = None

    @property
    def guardian(self) -> ProcessId | None:
        """The guardian in force, for the record."""
        entry = (tree if self._hold.exact else portable).read_entry(self._hold.pid)
        return ProcessId(*entry.key) if entry else None

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> PosixRun:
        """Starts a run, once the run before it is gone. Until this returns, the listener is told of output only.

        Raises:
            BackendNotFoundError, BackendNotAFileError, BackendNotExecutableError: with path and remedy.
            InternalError: it was killed meanwhile.
        """
        while True:
            await self._idle()
            try:
                return await self._launch(spec, listener)
            except _GuardianLostError:
                continue  # somebody kills guardians; each one is a fresh try, and costs that somebody a kill

    async def close(self) -> list[Survivor]:
        """Kills what is left, and lets the guardian go. Gives what would not die."""
        survivors: list[Survivor] = []
        if self._run is not None:
            self._run.kill()
            survivors = await self._run.ended
        if self._cleanup is not None:
            await self._cleanup
        if self._link is not None:
            self._link.close()
        self._hold.socket.close()
        await self._reap_guardian()
        return survivors

    def request(self, kind: str, run: PosixRun, *facts: Any) -> None:
        """Asks the guardian for something about a run; nothing when the guardian is gone, for then the tree is being killed."""
        if self._link is not None and run is self._run:
            self._link.request(kind, run.serial, *facts)

    def members(self, root: ProcessId) -> list[tree.Entry]:
        """The live processes of the run."""
        if self._link is None:
            return []
        if self._link.exact:
            return [entry for entry in tree.descendants(tree.table(), (self._link.pid,)) if entry.alive]
        memory = portable.Memory()
        entry = portable.read_entry(root.pid)
        if entry is None or entry.started != root.started:
            return []
        memory.add_root(entry)
        return memory.look(portable.table())

    def run_ended(self, run: PosixRun) -> None:
        """The next launch may go on."""
        if self._run is run:
            self._run = None

    def wake_guardian(self) -> None:
        """Lets a stopped guardian go on."""
        if self._link is not None:
            self._link.wake()

    def give_up_guardian(self) -> None:
        """Kills a guardian that does not answer; the sidecar then does its work."""
        if self._link is not None:
            self._link.destroy()

    async def _idle(self) -> None:
        """Waits until there is no run, and no cleaning up after a lost guardian."""
        while self._run is not None or self._cleanup is not None:
            if self._cleanup is not None:
                await asyncio.shield(self._cleanup)
            elif self._run is not None:
                await asyncio.shield(self._run.ended)

    async def _launch(self, spec: LaunchSpec, listener: RunListener) -> PosixRun:
        line = self._attach()
        self._serial += 1
        run = self._run = PosixRun(self, self._serial, spec, listener)
        name, value = self.marker.encode().split(b"=", 1)
        environment = {os.fsencode(key): os.fsencode(item) for key, item in spec.env.items()}
        environment[name] = value
        limits = spec.limits
        writes = run.open_outputs()
        line.request(
            "launch",
            run.serial,
            (
                [os.fsencode(word) for word in spec.command],
                os.fsencode(spec.cwd),
                environment,
                (limits.nice, limits.open_files, limits.no_new_privileges),
            ),
            self.marker.encode(),
            fds=writes,
        )
        for fd in writes:
            os.close(fd)
        self._arm()  # while the guardian is at work
        timer = asyncio.get_running_loop().call_later(_LAUNCH, self.give_up_guardian)
        try:
            await run.spawned
        except asyncio.CancelledError:
            run.kill()
            raise
        finally:
            timer.cancel()
        return run

    def _attach(self) -> link.GuardianLink:
        loop = asyncio.get_running_loop()
        if self._link is None:
            if self._hold.socket.fileno() < 0:
                self._hold = guardians.spawn_guardian(exact=self._hold.exact)
            self._link = link.GuardianLink(self._hold, self._reported, self._guardian_lost, loop)
        return self._link

    def _arm(self) -> None:
        if not self._armed and self._hold.exact:
            prctl.become_subreaper()
            # A stopped sidecar must see the end of its stdin when its parent dies.
            prctl.set_parent_death_signal(int(signal.SIGCONT))
        self._armed = True

    def _reported(self, message: tuple[Any, ...]) -> None:
        kind, serial, *facts = message
        if self._run is not None and serial == self._run.serial:
            self._run.told(kind, *facts)

    def _guardian_lost(self) -> None:
        self._link = None
        self._cleanup = asyncio.get_running_loop().create_task(self._clean_up(self._run))

    async def _clean_up(self, run: PosixRun | None) -> None:
        try:
            await self._reap_guardian()
            if run is not None:
                run.exit(None)
                survivors = await self._kill_adopted(run)
                if run.spawned.done():
                    run.tree_gone(survivors)
                else:
                    run.abandon(_GuardianLostError())
        finally:
            self._cleanup = None

    async def _reap_guardian(self) -> None:
        """Waits for the guardian by its pid, never for any child: asyncio would lose its own."""
        deadline = asyncio.get_running_loop().time() + KILL_DEADLINE
        while asyncio.get_running_loop().time() < deadline:
            try:
                pid, _status = os.waitpid(self._hold.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not block
            except ChildProcessError:
                return
            if pid:
                return
            await asyncio.sleep(0.002)

    async def _kill_adopted(self, run: PosixRun) -> list[Survivor]:
        """What the guardian left: its orphans are the sidecar's children now."""
        loop = asyncio.get_running_loop()
        memory = portable.Memory()
        exact = self._hold.exact
        root = (tree if exact else portable).read_entry(run.identity.pid)
        if root is not None and root.started == run.identity.started:
            memory.add_root(root)

        def members() -> list[tree.Entry]:
            if not exact:
                return memory.look(portable.table(), self.marker.encode())
            found = tree.descendants(tree.table(), (os.getpid(),), without=self.helpers)
            for entry in found:
                if not entry.alive and entry.parent == os.getpid():
                    _reap(entry.pid)
            return found

        deadline = loop.time() + KILL_DEADLINE
        kill = killing.TreeKill(members, tree.send if exact else portable.send)
        empty = 0
        while empty < 2 and loop.time() < deadline:  # one look may miss a process whose parent ended during it
            pause = kill.step()
            empty = empty + 1 if pause is None else 0
            await asyncio.sleep(pause or 0)
        return [Survivor(entry.pid, entry.name) for entry in members() if entry.alive]


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
