"""Watches the runs for whoever asks later why one ended: time line, resources, crash reports, and their channels.

Nothing of this is needed to start a backend, so its rooms are imported when the first run lives.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.exit_status import UNKNOWN
from ..log import log
from ..observe.logs import BackendLog
from ..observe.timeline import Timeline
from ..process.base import LaunchSpec
from ..settings.model import Paths, Settings
from ..supervisor import Supervisor
from ..supervisor.run import Run, utc_now
from ..wire.channels import CrashReportArgs, ResourcesArgs
from ..wire.messages import Crash, HealthResult, StateChanged
from .server import Server

if TYPE_CHECKING:
    from ..observe.crash import CrashReports
    from ..observe.oom import OomCounters
    from ..observe.resources import Resources
    from ..wire.observe import CrashReport, ResourceSample

_LAST_MINUTE = 60.0


class Observer:
    """One per sidecar; the composition root calls it beside the announcer.

    Args:
        settings, paths: those in force.
        server: takes the notifications.
        supervisor: knows the run.
        output: the backend's.
    """

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        server: Server,
        supervisor: Supervisor,
        output: BackendLog,
    ) -> None:
        self._settings = settings
        self._paths = paths
        self._server = server
        self._supervisor = supervisor
        self._backend_log = output
        self._timeline = Timeline()
        self._reports: CrashReports | None = None
        self._resources: Resources | None = None
        self._oom_before: OomCounters | None = None
        self._oom: bool | None = None
        self._masked: tuple[LaunchSpec | None, list[str]] | None = None  # whose secrets, and they
        log.set_mask(self.mask)

    def table(self) -> Mapping[str, Callable[..., Any]]:
        """Channel name to function."""
        return {
            "backend:resources": self.resources,
            "backend:crashReports": self.crash_reports,
            "backend:crashReport": self.crash_report,
        }

    # What happens ---------------------------------------------------------------------------------------------------

    def changed(self, change: StateChanged) -> None:
        """The lifecycle moved."""
        self._timeline.changed(change)

    def checked(self, result: HealthResult) -> None:
        """The health changed."""
        self._timeline.checked(utc_now(), result)

    def launched(self, _run: Run) -> None:
        """A run lives."""
        from ..observe.oom import read_counters

        self._oom_before, self._oom = read_counters(), None
        self._sampler().begin()

    def over(self, run: Run) -> None:
        """A run is about to be stopped, or ended."""
        if run.status is None:
            return
        if self._resources is not None:
            self._resources.end()
        if self._oom_before is not None:
            from ..observe.oom import oom_killed, read_counters

            self._oom = oom_killed(self._oom_before, read_counters(), run.status)

    @property
    def oom(self) -> bool | None:
        """Whether the kernel killed the last run for want of memory; None: nobody can tell."""
        return self._oom

    def failed(self, run: Run, crash: Crash) -> None:
        """A run failed; ``crash`` is what the client is told."""
        from ..observe.report import CrashFacts
        from ..settings.masking import mask_command, mask_environment

        spec: LaunchSpec | None = run.spec
        self._crashes().submit(
            CrashFacts(
                summary=crash,
                output=self._backend_log.tail(64 * 1024) if run.process is not None else b"",
                pid=run.process.identity.pid if run.process is not None else None,
                port=run.port,
                asked=_wall(run.asked_at),
                ready=_wall(run.ready_at) if run.ready_at is not None else None,
                command=mask_command(spec.command) if spec else mask_command(self._settings.backend.command),
                cwd=spec.cwd if spec else self._settings.backend.cwd,
                env=mask_environment(spec.env) if spec else {},
                states=list(self._timeline.states),
                health=list(self._timeline.health),
                resources=self._resources.last_run(_LAST_MINUTE) if self._resources is not None else (),
                oom=self._oom if (run.status or UNKNOWN).known else None,
                survivors=[f"{survivor.name} ({survivor.pid})" for survivor in run.survivors],
                notes=_notes(run),
            )
        )

    async def close(self) -> None:
        """Ends the watch and waits, for a bounded time, for reports that are being written."""
        if self._resources is not None:
            self._resources.end()
        if self._reports is not None:
            await self._reports.close()

    def mask(self, text: str) -> str:
        """The text without the secrets of the backend's environment and command, and of ours. Any thread may call it."""
        from ..settings.masking import mask_text, secrets_of, secrets_of_command, spellings

        run = self._supervisor.run
        masked = self._masked
        # A run that is about to be has no spec yet, while the report on the one before it is still being written.
        spec = (run.spec if run is not None else None) or (masked[0] if masked is not None else None)
        if masked is None or masked[0] is not spec:
            backend = self._settings.backend
            known = [*secrets_of(os.environ), *secrets_of(backend.env), *secrets_of_command(backend.command)]
            if spec is not None:
                known += [*secrets_of(spec.env), *secrets_of_command(spec.command)]
            # As one value: another thread must not meet the run together with the secrets of the run before.
            masked = self._masked = spec, spellings(known)
        return mask_text(text, masked[1])

    # The channels ---------------------------------------------------------------------------------------------------

    def resources(self, args: ResourcesArgs | None = None) -> list[ResourceSample]:
        """backend:resources."""
        return self._sampler().history(args.window if args else None)

    async def crash_reports(self) -> list[Crash]:
        """backend:crashReports."""
        return await self._crashes().summaries()

    async def crash_report(self, args: CrashReportArgs) -> CrashReport:
        """backend:crashReport."""
        return await self._crashes().read(args.name)

    # Made when first needed -----------------------------------------------------------------------------------------

    def _crashes(self) -> CrashReports:
        if self._reports is None:
            from ..observe.crash import CrashReports

            self._reports = CrashReports(Path(self._paths.logs), log.warning, mask=self.mask)
        return self._reports

    def _sampler(self) -> Resources:
        if self._resources is None:
            from ..observe.resources import Resources

            self._resources = Resources(
                self._settings.resources,
                self._tree,
                on_sample=self._sampled,
                on_alert=lambda alert: self._server.notify("backend:resourceAlert", alert),
            )
        return self._resources

    def _sampled(self, sample: ResourceSample) -> None:
        self._server.notify("backend:resourceUpdate", sample)
        limit, run = self._settings.limits.memory, self._supervisor.current
        if limit and sample.memory > limit and run is not None and run.process is not None and run.alive:
            # By resident size: RLIMIT_AS would end a .NET server at once, which reserves 274 GB of address space.
            run.over_memory = sample.memory
            log.error(f"the backend's tree uses {sample.memory} bytes, limits.memory is {limit}: it is killed")
            run.process.kill()

    def _tree(self) -> list[tuple[int, float]]:
        run = self._supervisor.current
        return list(run.process.processes()) if run is not None and run.process is not None else []


def _wall(at: float) -> str:
    """A time of the loop's clock as the wire has it."""
    from ..clock import iso

    return iso(time.time() - (asyncio.get_running_loop().time() - at))


def _notes(run: Run) -> list[str]:
    if run.conflict is None:
        return []
    owner = run.owner
    who = (
        f"{run.owner_name or 'a program'} (pid {owner.pid})"
        if owner is not None and owner.pid
        else "nobody that can be seen"
    )
    return [f"It could not have its port ({run.conflict}), which is held by {who}."]
