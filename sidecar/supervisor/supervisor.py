"""The only owner of the backend: takes one event at a time, and carries out the actions that core decides.

Everything runs on the event loop's thread. An effect that takes time is a task that posts its outcome as an event.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from msgspec import UNSET, structs

from .. import errors
from ..clock import iso
from ..core import actions as a
from ..core import events as e
from ..core.events import Outcome, Reason, State, Timer
from ..core.exit_status import ExitStatus
from ..core.lifecycle import Lifecycle
from ..core.stop import Rung
from ..process import oom_kills
from ..process.base import RunListener, Survivor
from ..settings.model import Settings
from ..wire.messages import ForcedProcess, LastExit, Started
from ..wire.observe import StateChanged
from .answers import error_for, launch_defect, port_taken, still_waiting, why_failed
from .callers import Callers
from .launcher import PERMANENT_FAILURES, Launcher
from .port_choice import PortConflict
from .run import Run, changed_fields, names_of, with_output
from .stream import Output, RunEnded, RunEnding, RunFailed, RunLaunching, RunStarted, Stream

T = TypeVar("T")

_WITH_A_RUN = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
_MAYBE_TAKEN = frozenset({"timeout", "hang_up"})  # failed shutdown requests that may have arrived: it may be saving
_MARK = 8192  # bytes by which the output before readiness is recognised, also if it repeats itself
_ABOUT_NO_RUN = frozenset({Outcome.CANCELLED, Outcome.SHUTTING_DOWN})


class Supervisor:
    """Takes commands and facts; reports through its stream."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        launcher: Launcher,
        settings: Settings,
        *,
        report: Callable[[str], None],
        defect: Callable[[str, BaseException], None],
    ) -> None:
        """``report`` logs a sentence; ``defect`` logs what was being done, and an unexpected error."""
        self.lifecycle = lifecycle
        self.run: Run | None = None  # the newest run; None before the first
        self.since = iso()  # when the state last changed, ISO 8601 UTC
        self.last_exit: LastExit | None = None  # how the last run exited
        self.stream = Stream(defect)
        self.launcher = launcher
        self._settings = settings
        self._report = report
        self._defect = defect
        self._loop = asyncio.get_running_loop()
        # Set after a shutdown: whether nothing is left.
        self.finished: asyncio.Future[bool] = self._loop.create_future()
        self._oom_before: tuple[int | None, int | None] = (None, None)  # what oom_kills.read returned at the launch
        self._forced: list[ForcedProcess] = []  # killed by the stop under way
        self._inbox: deque[e.Event] = deque()
        self._busy = False
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._up: Callers[Started] = Callers()
        self._down: Callers[None] = Callers()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._perform: dict[type, Callable[[Any], None]] = {
            a.Prepare: self._prepare,
            a.Launch: self._launch,
            a.TakeRung: self._take_rung,
            a.Arm: self._arm,
            a.Disarm: self._disarm,
            a.Announce: self._announce,
            a.Relay: lambda action: self.stream.publish(action.fact),
            a.AnswerUp: self._answer_up,
            a.AnswerDown: self._answer_down,
            a.ReportFailure: lambda action: self.stream.publish(RunFailed(self._current_run, action)),
            a.Finish: self._finish,
        }

    # Commands -------------------------------------------------------------------------------------------------------

    async def start(self, reason: Reason = Reason.REQUESTED) -> Started:
        """Returns when the run is ready, at once if it runs. SidecarError: the start failed, or a stop cancelled it."""
        return await self._command(e.Start(reason), self._up)

    async def restart(self) -> Started:
        """Returns when the new run is ready; joins a start under way. Raises like ``start``."""
        return await self._command(e.Restart(), self._up)

    async def stop(self) -> tuple[Survivor, ...]:
        """Returns when the whole tree is gone, with the processes that had to be killed. StopFailedError: part of the tree survived."""
        number = self.lifecycle.run if self.lifecycle.occupied else None
        await self._command(e.Stop(), self._down)
        return self.run.forced if self.run is not None and self.run.number == number else ()

    async def wait_for_ready(self, limit: float | None) -> Started:
        """Waits for a start under way; never touches the backend. Raises NotRunningError, RestartsExhaustedError, StartupTimeoutError."""
        state = self.lifecycle.state
        if state is State.RUNNING:
            return self._current_run.started()
        if state is State.FAILED and not self.lifecycle.due:
            raise self._error(Outcome.RESTARTS_EXHAUSTED)
        if not self.lifecycle.wants_up and not self.lifecycle.due:
            raise errors.NotRunningError("The backend is not running")
        try:
            async with asyncio.timeout(limit):
                return await self._up.join()
        except TimeoutError:
            assert limit is not None
            raise still_waiting(limit, self.launcher.last_output()) from None

    @property
    def current(self) -> Run | None:
        """The current run; None at rest and during the delay before the next run."""
        return self.run if self.lifecycle.state in _WITH_A_RUN else None

    @property
    def last_port(self) -> int | None:
        """The newest run's port, or that of an earlier sidecar."""
        return self.launcher.ports.last

    def stop_error(self) -> errors.SidecarError:
        return self._error(Outcome.STOP_FAILED)

    def masked(self, error: errors.SidecarError) -> errors.SidecarError:
        """Masks secrets in the error, which may quote the settings, a path of the backend or a word of its command."""
        error.message, error.hint = map(self.launcher.mask, (error.message, error.hint))
        if error.data is not None and isinstance(path := error.data.get("path"), str):
            error.data = {**error.data, "path": self.launcher.mask(path)}
        return error

    # The mailbox ----------------------------------------------------------------------------------------------------

    def post(self, event: e.Event) -> None:
        """Takes an event and handles it at once, or after the one being handled."""
        self._inbox.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                self._handle(self._inbox.popleft())
        finally:
            self._busy = False

    def _handle(self, event: e.Event) -> None:
        try:
            if self.run is not None and getattr(event, "run", None) == self.run.number:
                self._note(event)
            actions = self.lifecycle.handle(event, self._loop.time())
        except LookupError as error:
            self._defect(f"{type(event).__name__} in state {self.lifecycle.state}", error)
            return
        if self.run is not None and any(type(action) is a.Launch for action in actions):
            self.stream.hold()  # describing the last exit takes milliseconds; only the first launch needs its record first
        for action in actions:
            try:
                self._perform[type(action)](action)
            except Exception as error:  # noqa: BLE001 - a failed action must not prevent those after it
                self._defect(type(action).__name__, error)

    def _note(self, event: e.Event) -> None:
        changes = changed_fields(event)
        if isinstance(event, e.PortReported):
            self.launcher.ports.use(event.port)
        elif isinstance(event, e.Foreign) and event.owner is None:
            changes["owner"] = self.launcher.find_owner(self._current_run.port)
        if changes:
            self._update(**changes)

    @property
    def _current_run(self) -> Run:
        assert self.run is not None, "only asked for after the first start"
        return self.run

    def _update(self, **changes: Any) -> Run:
        if "owner" in changes:
            changes["owner_name"] = self.launcher.name_of(changes["owner"])
        self.run = structs.replace(self._current_run, **changes)
        return self.run

    async def _command(self, event: e.Event, callers: Callers[T]) -> T:
        outcome = callers.join()
        self.post(event)
        return await outcome

    # The actions ----------------------------------------------------------------------------------------------------

    def _prepare(self, action: a.Prepare) -> None:
        self.run = self.launcher.prepare(action.run, retry=action.retry)

    def _announce(self, action: a.Announce) -> None:
        if action.reason is Reason.READY:
            self._update(ready_at=self._loop.time(), before_ready=self.launcher.output_tail()[-_MARK:])
        elif action.state is State.STOPPING and self.run is not None:
            self.stream.publish(RunEnding(self._update(ended_for=action.reason)))
        self.since = iso()
        run = self.run if action.state in _WITH_A_RUN else None
        self.stream.publish(
            StateChanged(
                state=action.state.value,
                previous=action.previous.value,
                reason=action.reason.value,
                pid=run.pid if run else None,
                port=run.port if run else None,
                url=run.url if run else None,
                time=self.since,
                forced=self._forced or UNSET,
            )
        )
        self._forced = []

    def _launch(self, action: a.Launch) -> None:
        if (error := self._current_run.error) is not None:
            self._launch_failed(error)
        else:
            self._spawn_task(self._launch_run(action.run))

    def _launch_failed(self, error: errors.SidecarError) -> None:
        run = self._update(error=self.masked(error))
        self.post(e.LaunchFailed(run.number, error, permanent=isinstance(error, PERMANENT_FAILURES)))

    async def _launch_run(self, number: int) -> None:
        def is_wanted() -> bool:
            return self.lifecycle.state is State.STARTING and self.lifecycle.run == number

        try:
            if self.launcher.turn_limit:
                self._update(port=await self.launcher.wait_for_turn(number, self.post, is_wanted))
                self.post(e.Waiting(number, 0.0))
            conflict = await self.launcher.wait_for_port(self._current_run, self.post, is_wanted)
            if conflict is not None:
                raise port_taken(self._lost_port(conflict))  # noqa: TRY301 - answered like any other failed launch
            early = self.launcher.early
            run = self._update(spec=self.launcher.plan(self._current_run))
            self.stream.publish(RunLaunching(run))
            listener = RunListener(
                partial(self.hear_output, number), partial(self.hear_exit, number), partial(self.hear_gone, number)
            )
            process = await self.launcher.launch(run.spec, listener)
        except errors.SidecarError as error:
            self._launch_failed(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, a failed launch must be answered
            self._defect("the launch", error)
            self._launch_failed(launch_defect(error))
            return
        self._oom_before = early.oom_kills if early is not None else oom_kills.read()  # an early run may be dead by now
        run = self._update(process=process)
        self.post(e.Launched(number))
        if run.status is None and self.lifecycle.state is State.STARTING:
            self.stream.publish(RunStarted(self._current_run))

    def _take_rung(self, action: a.TakeRung) -> None:
        if action.rung is Rung.REQUEST:
            self._spawn_task(self._request(action.run))
        if (process := self._current_run.process) is not None:
            {
                Rung.REQUEST: process.begin_stop,
                Rung.CLOSE_STDIN: process.close_stdin,
                Rung.INTERRUPT: lambda: process.interrupt(action.seconds),
                Rung.KILL: process.kill,
            }[action.rung]()

    async def _request(self, number: int) -> None:
        error = await self.launcher.request_shutdown(self._current_run)
        if error is None:
            return
        if self._current_run.alive and self._current_run.process is not None:
            taken = error.kind in _MAYBE_TAKEN
            what = "did not answer" if taken else "rejected"
            self._report(f"the backend {what} the shutdown request: {error.message}")
            self._current_run.process.begin_stop(asked=taken)
        self.post(e.ShutdownRequestFailed(number))

    def _arm(self, action: a.Arm) -> None:
        self._disarm(action)
        expired = e.Expired(self.lifecycle.run, action.timer)
        self._timers[action.timer] = self._loop.call_at(action.at, self.post, expired)

    def _disarm(self, action: a.Arm | a.Disarm) -> None:
        if (handle := self._timers.pop(action.timer, None)) is not None:
            handle.cancel()

    def _answer_up(self, action: a.AnswerUp) -> None:
        if action.outcome is Outcome.DONE:
            self._up.succeed(self._current_run.started())
            return
        if action.outcome is Outcome.STARTUP_TIMEOUT:  # look now: the run is about to be stopped
            self._update(**self._current_run.seen_now(), worked=self._current_run.time_worked())
        self._up.fail(lambda: action.error or self._error(action.outcome))

    def _answer_down(self, action: a.AnswerDown) -> None:
        if action.outcome is Outcome.DONE:
            self._down.succeed(None)
            return
        if self.run is not None:  # it stays the answer while the run is the newest
            self._update(error=self._error(action.outcome))
        self._down.fail(lambda: self._error(action.outcome))

    def _finish(self, action: a.Finish) -> None:
        if not self.finished.done():
            self.finished.set_result(action.clean)

    def _error(self, outcome: Outcome) -> errors.SidecarError:
        """Returns a separate error for each caller, with what is known about the run by now."""
        if self.run is not None and outcome not in _ABOUT_NO_RUN:
            self.run = with_output(self.run, self.launcher.last_output)
        run = self.run
        if outcome is Outcome.RESTARTS_EXHAUSTED:
            return self.masked(why_failed(self._current_run, self._settings))
        if outcome is Outcome.STOP_FAILED and run is not None and not run.survivors and run.process is not None:
            run = self._update(survivors=self.launcher.name_all(run.process.processes()))
        error = error_for(outcome, run, self._settings)
        return error if outcome in _ABOUT_NO_RUN else self.masked(error)

    # What the process layer reports ---------------------------------------------------------------------------------

    def hear_output(self, number: int, stream: str, data: bytes) -> None:
        self.stream.publish(Output(stream, data))
        if (port := self.launcher.reported_port(self._current_run, stream, data)) is not None:
            self.post(e.PortReported(number, port))

    def hear_exit(self, number: int, status: ExitStatus) -> None:
        before = self._current_run
        lasted = self._loop.time() - before.requested_at
        oom = oom_kills.was_killed(self._oom_before, oom_kills.read(), status)
        run = self._update(status=status, ended_at=iso(), lasted=lasted, healthy=False, oom=oom)
        expected = self.lifecycle.stop_requested
        self.last_exit = LastExit(status.code, status.signal, status.text, time=run.ended_at or "", expected=expected)
        if self.lifecycle.state is State.RUNNING:
            self.stream.hold()  # nearly always the tree's end is reported in the next turn, and leads to a launch
        self.stream.publish(RunEnded(run))
        if before.healthy is not False and run.process is not None and self.lifecycle.state is not State.STOPPING:
            self.stream.publish(e.Health(number, healthy=False, error="socket hang up"))
        self.post(e.Exited(number, status))

    def hear_gone(self, number: int, survivors: list[Survivor]) -> None:
        """The run's tree is gone, except for ``survivors``."""
        forced = tuple(process.killed) if (process := self._current_run.process) is not None else ()
        run = self._update(survivors=tuple(survivors), forced=forced, output="")  # a timeout may have set less of it
        if forced and self.lifecycle.state is State.STOPPING:
            self._report(f"these processes did not end in time and were killed: {names_of(forced)}")
            self._forced = [ForcedProcess(pid=process.pid, name=process.name) for process in forced]
        conflict = None
        try:
            conflict = self.launcher.explain_end(run) if not self.lifecycle.stop_requested else None
        except (OSError, ImportError) as error:  # out of descriptors; the end must still be reported
            self._report(f"the reason for the backend's exit could not be determined: {error}")
        if conflict is not None:
            self._lost_port(conflict)
        if survivors:
            self._report(f"part of the backend's tree is still running: {names_of(survivors)}")
        self.post(e.Gone(number, len(survivors), conflict.kind if conflict is not None else None))

    def _lost_port(self, conflict: PortConflict) -> Run:
        owner = {} if self._current_run.owner else {"owner": conflict.owner}
        return self._update(conflict=conflict.kind, **owner)

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
