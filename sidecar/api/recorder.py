"""Records what later explains an exit, and answers the channels for that."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from ..backend.reported import lifetime_events
from ..clock import iso
from ..core import events as e
from ..log import log
from ..observe.secrets import Secrets
from ..rpc.server import Server
from ..settings.model import Paths, Settings
from ..settings.profiles import PROFILES
from ..supervisor import Supervisor
from ..supervisor.run import Run, with_output
from ..supervisor.stream import Output, RunEnded, RunFailed, RunLaunching, RunStarted
from ..wire.messages import HealthResult
from ..wire.observe import Crash, StartupProgress, StateChanged
from .announcer import health_result

if TYPE_CHECKING:
    from ..observe.crash import CrashReports
    from ..observe.resources import Resources
    from ..wire.observe import ResourceSample
    from .metrics_file import MetricsFile

_LAST_MINUTE = 60.0


class Timeline:
    """The last 100 state changes and the last 100 health changes, as lines that begin with their time, oldest first."""

    def __init__(self) -> None:
        self.states: deque[str] = deque(maxlen=100)
        self.health: deque[str] = deque(maxlen=100)

    def changed(self, change: StateChanged) -> None:
        port = "" if change.port is None else f" port {change.port}"
        pid = "" if change.pid is None else f" pid {change.pid}"
        self.states.append(f"{change.time}  {change.previous} → {change.state} ({change.reason}){port}{pid}")

    def reported(self, event: str) -> None:
        self.states.append(f"{iso()}  the app reports: {event}")

    def checked(self, time: str, result: HealthResult) -> None:
        self.health.append(f"{time}  {result.status}{f': {result.error}' if result.error else ''}")


class Recorder(Struct, eq=False):
    """Subscribes to the runs. One per sidecar."""

    _settings: Settings
    _paths: Paths
    _server: Server
    _supervisor: Supervisor
    _secrets: Secrets
    _metrics: MetricsFile | None
    _timeline: Timeline = field(default_factory=Timeline)
    _reports: CrashReports | None = None
    _resources: Resources | None = None

    def __post_init__(self) -> None:
        stream = self._supervisor.stream
        stream.subscribe(StateChanged, self._timeline.changed)
        stream.subscribe(e.Health, lambda health: self._timeline.checked(iso(), health_result(health)))
        if PROFILES[self._settings.profile].lifetime:
            stream.subscribe(Output, self._printed)
        stream.subscribe(RunLaunching, self._launching)
        stream.subscribe(RunStarted, lambda _notice: self._sampler().begin())
        stream.subscribe(RunEnded, self._ended)
        if self._settings.backend.managed:
            stream.subscribe(RunFailed, self._failed)

    def table(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "backend:resources": lambda args=None: self._sampler().history(args.window if args else None),
            "backend:crashReports": self.crash_reports,
            "backend:crashReport": lambda args: self._crashes().read(args.name),
        }

    async def crash_reports(self) -> list[Crash]:
        """Returns the summaries, newest first."""
        return await self._crashes().summaries()

    async def close(self) -> None:
        """Ends the sampling, and waits a limited time for reports that are being written."""
        if self._resources is not None:
            self._resources.end()
        if self._reports is not None:
            await self._reports.close()

    def _launching(self, notice: RunLaunching) -> None:
        if notice.run.spec is not None:
            self._secrets.learn(notice.run.spec.env, notice.run.spec.command)

    def _printed(self, notice: Output) -> None:
        """Finds the app's lifetime phrases. One that two reads split is missed, but only the timeline needs it."""
        for event in lifetime_events(self._settings.profile, notice.data.decode("utf-8", "replace")):
            self._timeline.reported(event)

    def _ended(self, _notice: RunEnded) -> None:
        if self._resources is not None:
            self._resources.end()

    def _sampled(self, sample: ResourceSample) -> None:
        self._server.notify("backend:resourceUpdate", sample)
        if self._metrics is not None:
            self._metrics.sampled(sample)
        limit, run = self._settings.limits.memory, self._supervisor.current
        if limit and sample.memory > limit and run is not None and run.alive:
            # RLIMIT_AS cannot do this: a .NET server reserves 274 GB of address space, and would fail at once.
            log.error(f"the backend's tree uses {sample.memory} bytes, limits.memory is {limit}: it is killed")
            self._supervisor.post(e.MemoryExceeded(run.number, sample.memory))

    def _failed(self, notice: RunFailed) -> None:
        from ..observe.report import CrashFacts
        from ..settings.masking import mask_command
        from .crash import describe_crash

        run = with_output(notice.run, self._supervisor.launcher.last_output)
        spec = run.spec
        crash = describe_crash(run, notice.failure, self._settings, mask=self._secrets.mask)
        log.error(f"the backend failed: {crash.text}", cause=crash.cause, attempt=crash.attempt, final=crash.final)
        self._crashes().submit(
            CrashFacts(
                summary=crash,
                output=run.output,
                pid=run.process.identity.pid if run.process is not None else None,
                port=run.port,
                asked=_wall_time(run.requested_at),
                ready=_wall_time(run.ready_at) if run.ready_at is not None else None,
                command=mask_command(spec.command if spec else self._settings.backend.command),
                cwd=spec.cwd if spec else self._settings.backend.cwd,
                env=sorted(spec.env) if spec else (),
                states=list(self._timeline.states),
                health=list(self._timeline.health),
                resources=self._resources.last_run(_LAST_MINUTE) if self._resources is not None else (),
                oom=run.oom,
                survivors=[f"{process.name} ({process.pid})" for process in run.survivors],
                forced=[f"{process.name} ({process.pid})" for process in run.forced],
                notes=_notes(run),
            ),
            hold=crash.next_start_in == 0,
        )
        self._server.notify("backend:crash", crash)
        if self._metrics is not None:
            self._metrics.crashed(crash)
        if run.ready_at is None:
            why = ". ".join(dict.fromkeys(text for text in (crash.text, crash.cause) if text))
            progress = StartupProgress("failed", round(run.lasted or 0.0, 3), why, self._settings.timeouts.startup)
            self._server.notify("backend:startupProgress", progress)

    def _crashes(self) -> CrashReports:
        if self._reports is None:
            from pathlib import Path

            from ..observe.crash import CrashReports

            self._reports = CrashReports(Path(self._paths.logs), log.warning, mask=self._secrets.mask)
        return self._reports

    def _sampler(self) -> Resources:
        if self._resources is None:
            from ..observe.resources import Resources

            self._resources = Resources(
                self._settings.resources,
                self._tree,
                memory_limit=self._settings.limits.memory,
                on_sample=self._sampled,
                on_alert=lambda alert: self._server.notify("backend:resourceAlert", alert),
            )
        return self._resources

    def _tree(self) -> list[tuple[int, float]]:
        run = self._supervisor.current
        return list(run.process.processes()) if run is not None and run.process is not None else []


def _wall_time(at: float) -> str:
    """Converts a time of the loop's clock to the wire's format."""
    return iso(time.time() - (asyncio.get_running_loop().time() - at))


def _notes(run: Run) -> list[str]:
    if run.conflict is None:
        return []
    who = f"{run.owner_name or 'a program'} (pid {run.owner_pid})" if run.owner_pid else "an unknown process"
    return [f"Its port was not available ({run.conflict}); it is used by {who}."]
