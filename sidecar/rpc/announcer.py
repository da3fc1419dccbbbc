"""From what the supervisor and the monitor see to notifications, and to the facts of the run."""

from __future__ import annotations

from typing import Any, Literal

from ..backend.probe import ProbeResult
from ..core import events as e
from ..core.events import Reason, State
from ..core.exit_status import UNKNOWN, ExitStatus
from ..log import log
from ..monitor import Watched
from ..process.base import ListeningSocket
from ..settings.model import Settings
from ..supervisor import Supervisor
from ..supervisor.answers import port_foreign, port_taken
from ..supervisor.run import Run, utc_now
from ..supervisor.unready import explain_hung, explain_unready
from ..wire.messages import Crash, Exposed, ExposedSocket, HealthResult, Phase, StartupProgress, StateChanged
from .observer import Observer
from .server import Server

_MEBIBYTE = 1024 * 1024
_READ_IT = (
    "Read its last output in the crash report; if that does not help, pass the report on to the maker of the backend."
)


class Announcer:
    """Implements MonitorSink, and the supervisor's hooks for what a client is told."""

    def __init__(self, settings: Settings, server: Server, supervisor: Supervisor, observer: Observer) -> None:
        self._observer = observer
        self._settings = settings
        self._server = server
        self._supervisor = supervisor

    # From the supervisor --------------------------------------------------------------------------------------------

    def changed(self, change: StateChanged) -> None:
        """The lifecycle moved."""
        log.info(f"{change.previous} → {change.state} ({change.reason})", port=change.port, pid=change.pid)
        self._observer.changed(change)
        self._server.notify("backend:stateChanged", change)
        if change.state == State.STARTING:
            self.progress("spawning", 0.0, "Starting the backend's process")

    def failed(self, run: Run, failure: e.ReportFailure) -> None:
        """A run failed; its output is known."""
        crash = self.crash_of(run, failure)
        log.error(f"the backend failed: {crash.text}", cause=crash.cause, attempt=crash.attempt, final=crash.final)
        self._observer.failed(run, crash)
        self._server.notify("backend:crash", crash)

    def crash_of(self, run: Run, failure: e.ReportFailure) -> Crash:
        """The summary of a failure."""
        from ..observe.crash import report_name  # not needed before the first failure

        status = run.status or UNKNOWN
        text, cause, remedy = self._explain(run, status, failure)
        time = run.ended_at or utc_now()
        return Crash(
            name=report_name(time),
            time=time,
            run=run.number,
            code=status.code,
            signal=status.signal,
            text=self._observer.mask(text),
            cause=self._observer.mask(cause) if cause else None,
            remedy=remedy,
            attempt=failure.attempt,
            attempts=self._settings.restart.attempts,
            next_start_in=failure.next_start_in,
            final=failure.final,
        )

    def _explain(self, run: Run, status: ExitStatus, failure: e.ReportFailure) -> tuple[str, str | None, str | None]:
        """Text, cause and remedy. What the sidecar ended itself comes first: the exit status would tell of our own stop."""
        if failure.reason is Reason.STARTUP_TIMEOUT:
            late = explain_unready(self._settings, run.port, run.listening, run.last_answer)
            return "not ready in time", late.cause, late.remedy
        if failure.reason is Reason.HUNG:
            hung = explain_hung(self._settings)
            return "it hung: it did not answer any more", hung.cause, hung.remedy
        if failure.error is not None:
            return failure.error.message, failure.error.message, failure.error.hint
        if run.over_memory is not None:
            used, allowed = (f"{size / _MEBIBYTE:.0f} MiB" for size in (run.over_memory, self._settings.limits.memory))
            cause = f"Its processes used {used} of memory, more than limits.memory ({allowed}) allows, and were killed."
            return status.text, cause, "Raise limits.memory, or find out what the backend needs so much for."
        if run.listener == "foreign" or run.conflict is not None:
            error = port_foreign(run) if run.listener == "foreign" else port_taken(run)
            return status.text, error.message, error.hint
        from ..observe.causes import guess  # only a failure needs the table of causes

        guessed = guess(run.output, status, port=run.port, oom=self._observer.oom)
        return (status.text, guessed.cause, guessed.remedy) if guessed is not None else (status.text, None, _READ_IT)

    # From the monitor -----------------------------------------------------------------------------------------------

    def progress(self, phase: Phase, elapsed: float, message: str) -> None:
        """How far the start has come."""
        progress = StartupProgress(phase=phase, elapsed=round(elapsed, 3), message=message)
        self._server.notify("backend:startupProgress", progress)

    def listener(
        self, run: Watched, verdict: Literal["own", "foreign", "unknown"], owner: ListeningSocket | None
    ) -> None:
        """Who listens on the run's port."""
        current = self._of(run)
        if current is not None:
            current.listener = verdict
            current.owner = owner

    def unready(self, run: Watched, result: ProbeResult) -> None:
        """The run listens and does not answer well."""
        current = self._of(run)
        if current is not None:
            current.last_answer = result

    def ready(self, run: Watched) -> None:
        """The run answers."""
        self._supervisor.post(e.Ready(run.number))

    def foreign(self, run: Watched) -> None:
        """A stranger answers in its place."""
        current = self._of(run)
        if current is not None:
            self._supervisor.met_stranger(current)

    def health(self, run: Watched, result: HealthResult) -> None:
        """The health status changed."""
        log.info(f"the backend is {result.status}", error=result.error or "")
        self._observer.checked(result)
        self._server.notify("backend:healthUpdate", result)
        self._supervisor.post(e.Health(run.number, healthy=result.status == "healthy"))

    def hung(self, run: Watched) -> None:
        """The run answers nothing any more; of somebody else's backend that is all that its end can be known by."""
        current = self._of(run)
        if not self._settings.backend.managed and current is not None and current.process is not None:
            current.process.kill()
        self._supervisor.post(e.Hung(run.number))

    def provider(self, body: Any) -> None:
        """The provider status changed."""
        self._server.notify("backend:providerUpdate", body)

    def exposed(self, run: Watched, sockets: list[ListeningSocket]) -> None:
        """The run's sockets that other machines can reach."""
        current = self._of(run)
        if current is None:
            return
        current.exposed = sockets
        if sockets:
            where = ", ".join(f"{socket.address}:{socket.port}" for socket in sockets)
            log.warning(f"the backend can be reached from other machines: {where}")
        self._server.notify("backend:exposed", Exposed(sockets=[ExposedSocket(*socket) for socket in sockets]))

    def _of(self, run: Watched) -> Run | None:
        current = self._supervisor.run
        return current if current is not None and current.number == run.number else None
