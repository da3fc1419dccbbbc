"""Runs on Linux and macOS: launched, followed and killed through the guardian.

When the guardian is killed, the sidecar, itself a subreaper, has its tree, and kills it. The next launch gets a new
guardian. Everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ..errors import InternalError
from . import adopted, killing, link, portable, posix_run, prctl, tree
from . import guardian as guardians
from .base import LaunchSpec, ProcessId, RunListener, Survivor

assert sys.platform != "win32"

_GUARDIANS = 3  # that may be lost in one launch
_LAUNCH = 10.0  # seconds for fork and execve; a program on a network file system may take its time
_MARKER = "SIDECAR_MARKER"


class _GuardianLostError(Exception):
    """The guardian ended before the launch was through."""


class PosixProcessLayer:
    """See base.ProcessLayer. One run at a time: a launch waits until the run before it is gone.

    Attributes:
        marker: ``NAME=value`` in the environment of everything that this sidecar launches; proves to reclaim that an
            orphan is ours, whatever became of its ancestry.
        helpers: pids of the sidecar's own other children; they and what is below them are no part of a backend's tree.
    """

    def __init__(self, guardian: guardians.Guardian, report: Callable[[str], None]) -> None:
        self._report = report
        self.helpers: set[int] = set()
        self.marker = f"{_MARKER}={os.urandom(12).hex()}"
        self._hold = guardian
        self._link: link.GuardianLink | None = None
        self._run: posix_run.PosixRun | None = None
        self._serial = 0
        self._armed = False
        self._cleanup: asyncio.Task[None] | None = None

    @property
    def guardian(self) -> ProcessId | None:
        """The guardian in force, for the record."""
        entry = (tree if self._hold.exact else portable).read_entry(self._hold.pid)
        return ProcessId(*entry.key) if entry else None

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> posix_run.PosixRun:
        """Starts a run, once the run before it is gone. Until this returns, the listener is told of output only.

        Raises:
            BackendNotFoundError, BackendNotAFileError, BackendNotExecutableError: with path and remedy.
            InternalError: it was killed meanwhile, or no guardian stays alive.
        """
        for _attempt in range(_GUARDIANS):
            await self._idle()
            try:
                return await self._launch(spec, listener)
            except _GuardianLostError:
                continue
        raise InternalError(
            f"The backend could not be started: its guardian process ended {_GUARDIANS} times before it had started it",
            hint="Something on this machine ends new processes, or keeps the program from being read: look into the"
            " system's log, and at security software.",
        )

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

    def request(self, kind: str, run: posix_run.PosixRun, *facts: Any) -> None:
        """Asks the guardian for something about a run; nothing when the guardian is gone, for then the tree is being killed."""
        if self._link is not None and run is self._run:
            self._link.request(kind, run.serial, *facts)

    def members(self, root: ProcessId) -> list[tree.Entry]:
        """The live processes of the run."""
        if self._link is None:
            return []
        if self._link.exact:
            return [entry for entry in tree.walk((self._link.pid,)) if entry.alive]
        memory = portable.Memory()
        entry = portable.read_entry(root.pid)
        if entry is None or entry.started != root.started:
            return []
        memory.add_root(entry)
        return memory.look(portable.table())

    def run_ended(self, run: posix_run.PosixRun) -> None:
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

    async def _launch(self, spec: LaunchSpec, listener: RunListener) -> posix_run.PosixRun:
        line = self._attach()
        self._serial += 1
        run = self._run = posix_run.PosixRun(self, self._serial, spec, listener)
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
                self._hold = self._replace_guardian()
            self._link = link.GuardianLink(self._hold, self._reported, self._guardian_lost, loop)
        return self._link

    def _replace_guardian(self) -> guardians.Guardian:
        try:
            return guardians.spawn_guardian(exact=self._hold.exact)
        except OSError as error:
            raise InternalError(
                f"The guardian process of the backend cannot be started: {sys.executable}: {error.strerror}",
                hint="The sidecar's own program file is missing or damaged, or the system is short of memory or"
                " processes: repair the installation, or close other programs.",
            ) from error

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

    async def _clean_up(self, run: posix_run.PosixRun | None) -> None:
        self._report(
            f"The guardian of the backend (pid {self._hold.pid}) was killed; "
            + ("the sidecar ends the backend's processes, and the" if run is not None else "the")
            + " next run gets a new guardian"
        )
        try:
            await self._reap_guardian()
            if run is not None:
                run.exit(None)
                survivors = await adopted.kill_adopted(
                    run.identity, self.marker.encode(), self.helpers, exact=self._hold.exact
                )
                if run.spawned.done():
                    run.tree_gone(survivors)
                else:
                    run.abandon(_GuardianLostError())
        finally:
            self._cleanup = None

    async def _reap_guardian(self) -> None:
        """Waits for the guardian by its pid, never for any child: asyncio would lose its own."""
        deadline = asyncio.get_running_loop().time() + killing.DEADLINE
        while asyncio.get_running_loop().time() < deadline:
            try:
                pid, _status = os.waitpid(self._hold.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not block
            except ChildProcessError:
                return
            if pid:
                return
            await asyncio.sleep(0.002)
