"""Runs on Linux and macOS, through the guardian; if the guardian is killed, the sidecar, also a subreaper, kills the tree."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from ..errors import InternalError
from . import channel, link, orphans, posix_run, prctl, tree
from . import guardian as guardians
from .base import LAUNCHED_AGAIN, NOT_HEARD, ProcessId, RunListener, Survivor
from .descendants import source
from .first_record import new_marker
from .spec import EarlyRun, LaunchSpec

assert sys.platform != "win32"

_MAX_GUARDIANS = 3  # how many one launch may lose
_LAUNCH_TIMEOUT = 10.0  # seconds for fork and execve, which may be slow on a network file system
_IDLE_TIMEOUT = 2.0  # seconds for a guardian with nothing to kill to end
_WITHOUT_PROC = (
    "/proc is not readable here, or belongs to another pid namespace. The backend and all its processes still end on a stop, and with the sidecar. Not available: their CPU time and memory, limits.memory, and which program listens on a port. Not promised: that the"
    " next start finds what is left if the sidecar and its guardian are killed at once. Mount /proc to fix this."
)


class _GuardianLostError(Exception):
    """The guardian ended before it had executed the program."""


class PosixProcessLayer:
    """See base.ProcessLayer. One run at a time: a launch waits until the run before it is gone."""

    def __init__(
        self, guardian: guardians.Guardian, report: Callable[[str], None], folder: str, early: EarlyRun | None = None
    ) -> None:
        """``folder``: the data folder, to which the marker belongs."""
        self._report = report
        self._early = early
        self.marker = early.marker if early is not None else new_marker(folder)
        self._guardian = guardian
        self._has_other_children = tree.EXACT and (not guardian.is_only_child or os.getpid() == 1)
        if tree.EXACT:
            prctl.arm_owner()
            if tree.read_entry(os.getpid()) is None:
                report(_WITHOUT_PROC)
        self._link: link.GuardianLink | None = None
        self._run: posix_run.PosixRun | None = None
        self._serial = 0
        self._cleanup: asyncio.Task[None] | None = None

    @property
    def guardian(self) -> ProcessId | None:
        """The current guardian, for the record."""
        entry = source().read_entry(self._guardian.pid)
        return ProcessId(*entry.key) if entry is not None else None

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> posix_run.PosixRun:
        """See base. Also raises InternalError: the run was killed in the meantime, or no guardian stays alive."""
        for _attempt in range(_MAX_GUARDIANS):
            await self._idle()
            try:
                return await self._launch(spec, listener)
            except _GuardianLostError:
                continue
        raise InternalError(
            f"The backend could not be started: its guardian process ended {_MAX_GUARDIANS} times before it started the backend",
            hint="Something on this machine kills new processes or makes the program unreadable. Check the system log and security software.",
        )

    async def close(self) -> list[Survivor]:
        """Kills what is left, releases the guardian, and returns the survivors."""
        survivors: list[Survivor] = []
        if self._run is not None:
            self._run.kill()
            survivors = await self._run.ended
        if self._cleanup is not None:
            await self._cleanup
        if self._link is not None:
            self._link.close()
        self._guardian.socket.close()
        await self._reap_guardian()
        return survivors

    async def _idle(self) -> None:
        """Waits until no run is left and no clean-up after a lost guardian is in progress."""
        if self._run is not None:
            await asyncio.shield(self._run.ended)
        while self._cleanup is not None:
            await asyncio.shield(self._cleanup)

    async def _launch(self, spec: LaunchSpec, listener: RunListener) -> posix_run.PosixRun:
        early, self._early = self._early, None
        if early is not None and early.request != channel.launch_request(early.serial, spec, self.marker):
            await self._discard(early, spec)
            early = None
        self._serial += 1
        line = self._attach()
        run = self._run = posix_run.PosixRun(line, self._serial, spec, listener)
        if early is not None:
            run.adopt(early.outputs, early.stdin)
        else:
            run.request_launch(self.marker)
        timer = asyncio.get_running_loop().call_later(_LAUNCH_TIMEOUT, line.destroy)
        try:
            await run.spawned
        except asyncio.CancelledError:
            run.kill()
            raise
        finally:
            timer.cancel()
        return run

    async def _discard(self, early: EarlyRun, spec: LaunchSpec) -> None:
        """Ends an early run that no longer fits: its program or its folder changed in the meantime."""
        self._report(LAUNCHED_AGAIN)
        self._serial = early.serial
        run = self._run = posix_run.PosixRun(self._attach(), early.serial, spec, NOT_HEARD)
        run.spawned.add_done_callback(lambda done: done.exception())  # its failure to spawn is already reported
        run.adopt(early.outputs, early.stdin)
        run.kill()
        await run.ended

    def _attach(self) -> link.GuardianLink:
        if self._link is None:
            if self._guardian.socket.fileno() < 0:
                self._guardian = self._replace_guardian()
            self._link = link.GuardianLink(self._guardian, self._reported, self._guardian_lost)
        return self._link

    def _replace_guardian(self) -> guardians.Guardian:
        try:
            return guardians.spawn_guardian()
        except OSError as error:
            raise InternalError(
                f"The guardian process of the backend cannot be started: {sys.executable}: {error.strerror}",
                hint="The sidecar's own program file is missing or damaged, or the system is short of memory or processes. Repair the installation, or close other programs.",
            ) from error

    def _reported(self, message: tuple[Any, ...]) -> None:
        kind, serial, *facts = message
        if self._run is not None and serial == self._run.serial:
            self._run.reported(kind, *facts)

    def _guardian_lost(self) -> None:
        self._link = None
        run = self._run if self._run is not None and not self._run.ended.done() else None
        self._cleanup = asyncio.get_running_loop().create_task(self._clean_up(run))

    async def _clean_up(self, run: posix_run.PosixRun | None) -> None:
        self._report(
            f"The guardian of the backend (pid {self._guardian.pid}) was killed; "
            + ("the sidecar ends the backend's processes, and the" if run is not None else "the")
            + " next run gets a new guardian"
        )
        try:
            await self._reap_guardian()
            if run is not None:
                run.exit(None)
                seconds = run.spec.kill_deadline
                survivors, killed = await orphans.kill_adopted(
                    run.identity, self.marker.encode(), seconds, only_proven=self._has_other_children
                )
                if run.spawned.done():
                    run.tree_gone(survivors, killed)
                else:
                    run.abandon(_GuardianLostError())
                await self._reap_guardian()  # in case a process of the tree traced it
        finally:
            self._cleanup = None

    async def _reap_guardian(self) -> None:
        """Waits until the guardian has ended, but no longer than it may wait for survivors."""
        seconds = self._run.spec.kill_deadline if self._run is not None else _IDLE_TIMEOUT
        await orphans.reap(self._guardian.pid, seconds)
