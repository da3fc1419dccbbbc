"""Runs on Windows, one at a time. Everything here runs on the event loop's thread."""

import asyncio
import sys
from collections.abc import Callable

from ...errors import SidecarError
from ...threads import in_thread
from ..base import LAUNCHED_AGAIN, NOT_HEARD, ProcessId, RunListener, Survivor
from ..spec import LaunchSpec
from . import early as early_runs
from . import run as runs
from . import spawn

assert sys.platform == "win32"

_LAUNCH_LIMIT = 2.0  # seconds that close waits for a launch that the system delays, as virus scanners do


class WindowsProcessLayer:
    """See base.ProcessLayer. One run at a time. ``report`` logs a sentence about each rung and each setting without effect."""

    marker = ""  # nothing outlives the job, so there are no orphans to prove
    guardian: ProcessId | None = None

    def __init__(self, report: Callable[[str], None], early: early_runs.WindowsEarlyRun | None = None) -> None:
        self._report = report
        self._early = early
        self._run: runs.WindowsRun | None = None
        self._spawning: asyncio.Future[spawn.Started] | None = None

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> runs.WindowsRun:
        early, self._early = self._early, None
        if early is not None and vars(early.spec) != vars(spec):
            self._report(LAUNCHED_AGAIN)
            await self._end(early)
            early = None
        await self._idle()
        if spec.open_files is not None or spec.no_new_privileges:
            self._report(
                "Windows supports neither limits.open_files nor limits.no_new_privileges; these settings have no effect"
            )
        notes: list[str] = []
        try:
            started = await self._spawn(early.result if early is not None else lambda: spawn.start(spec, notes.append))
        finally:
            for note in notes:
                self._report(note)
        self._run = runs.WindowsRun(started, spec, listener, self._report)
        return self._run

    async def close(self) -> list[Survivor]:
        """See base. A launch that finishes after the limit ends with this process, which holds its job's last handle."""
        await asyncio.wait({asyncio.ensure_future(self._launched())}, timeout=_LAUNCH_LIMIT)
        if self._run is None:
            return []
        self._run.kill()
        return await asyncio.shield(self._run.ended)

    async def _launched(self) -> None:
        if self._early is not None:
            await self._end(self._early)
        if self._spawning is not None:
            await asyncio.wait((self._spawning,))

    async def _spawn(self, work: Callable[[], spawn.Started]) -> spawn.Started:
        self._spawning = in_thread(work)
        try:
            started = await asyncio.shield(self._spawning)
        except asyncio.CancelledError:
            self._spawning.add_done_callback(_discard_late)
            raise
        self._spawning = None
        return started

    async def _end(self, early: early_runs.WindowsEarlyRun) -> None:
        """Kills an early run that no longer fits: its program or its folder changed in the meantime."""
        try:
            started = await self._spawn(early.result)
        except (SidecarError, OSError):
            return  # nothing runs
        self._run = runs.WindowsRun(started, early.spec, NOT_HEARD, self._report)
        self._run.kill()

    async def _idle(self) -> None:
        while self._run is not None or self._spawning is not None:
            if self._spawning is not None:
                await asyncio.wait((self._spawning,))
                self._spawning = None
            elif self._run is not None:
                await asyncio.shield(self._run.ended)
                self._run = None


def _discard_late(spawning: asyncio.Future[spawn.Started]) -> None:
    """Ends a run whose launch was cancelled before the system had finished it."""
    if not spawning.cancelled() and spawning.exception() is None:
        spawn.discard(spawning.result())
