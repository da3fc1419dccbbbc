"""The mailbox: events in, one at a time; the actions that the lifecycle decides are carried out here.

Everything runs on the event loop's thread. An effect that takes time is a task that posts its outcome as an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .. import errors
from ..core import events as e
from ..core.events import Outcome, Reason, State
from ..core.exit_status import ExitStatus
from ..core.lifecycle import Lifecycle
from ..log import log
from ..process.base import Survivor
from ..settings.model import Settings
from ..wire.messages import LastExit, Started, StateChanged
from .answering import Answering
from .answers import still_waiting, why_failed
from .callers import Callers
from .launcher import Launches
from .run import Run, RunEars, utc_now
from .timers import Timers

T = TypeVar("T")


class Supervisor:
    """Owns the backend. Hooks are set once, by the composition root.

    Attributes:
        on_launched: a run's program was executed.
        on_over: a run is about to be stopped, or ended.
        on_changed: the lifecycle moved; the payload of ``backend:stateChanged``.
        on_failure: a run failed; its facts and the decision about what follows.
        on_finished: after a shutdown, whether everything is gone.
    """

    def __init__(
        self, lifecycle: Lifecycle, launcher: Launches, settings: Settings, *, report: Callable[[str], None]
    ) -> None:
        self.lifecycle = lifecycle
        self.run: Run | None = None
        self.since = utc_now()
        self.last_exit: LastExit | None = None
        self.on_launched: Callable[[Run], None] = _ignore
        self.on_over: Callable[[Run], None] = _ignore
        self.on_changed: Callable[[StateChanged], None] = _ignore
        self.on_failure: Callable[[Run, e.ReportFailure], None] = _ignore
        self.on_output: Callable[[str, bytes], None] = _ignore
        self.on_finished: Callable[[bool], None] = _ignore
        self._launcher = launcher
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[e.Event] = deque()
        self._busy = False
        self._timers = Timers(self._loop)
        self._answering = Answering(launcher, settings)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._perform: dict[type, Callable[[Any], None]] = {
            e.Announce: self._announce,
            e.Launch: self._launch,
            e.RequestShutdown: self._request_shutdown,
            e.Interrupt: self._interrupt,
            e.Kill: self._kill,
            e.Arm: self._arm,
            e.Disarm: lambda action: self._timers.disarm(action.timer),
            e.AnswerUp: self._answer_up,
            e.AnswerDown: self._answer_down,
            e.ReportFailure: self._report_failure,
            e.Finish: lambda action: self.on_finished(action.clean),
        }

    # What callers ask for -------------------------------------------------------------------------------------------

    async def start(self, reason: Reason = Reason.REQUESTED) -> Started:
        """Answers when the run is ready, at once while it runs.

        Raises:
            SidecarError: the start failed, or a stop cancelled it.
        """
        return await self._wish(e.Start(reason), self._answering.up)

    async def restart(self) -> Started:
        """Answers when the new run is ready; joins a start that is under way. Raises as ``start``."""
        return await self._wish(e.Restart(), self._answering.up)

    async def stop(self) -> None:
        """Answers when the whole tree is gone.

        Raises:
            StopFailedError: part of it is not.
        """
        await self._wish(e.Stop(), self._answering.down)

    async def wait_for_ready(self, limit: float | None) -> Started:
        """Waits for a start that is under way or about to be; never touches the backend.

        Raises:
            NotRunningError, RestartBudgetSpentError, StartupTimeoutError: or as ``start``.
        """
        state = self.lifecycle.state
        if state is State.RUNNING:
            return self.started()
        if state is State.FAILED and not self.lifecycle.due:
            raise why_failed(self.run, self.last_exit)
        if not self.lifecycle.wants_up and not self.lifecycle.due:
            raise errors.NotRunningError("The backend is not running", hint="Start it with backend:start.")
        try:
            async with asyncio.timeout(limit):
                return await self._answering.up.join()
        except TimeoutError:
            assert limit is not None
            raise still_waiting(limit, self._launcher.last_words()) from None

    def shutdown(self, *, owner_lost: bool) -> None:
        """Begins the end; ``on_finished`` tells when it is reached."""
        self.post(e.Shutdown(owner_lost))

    def started(self) -> Started:
        """The answer to a start, while the run is ready."""
        assert self.run is not None
        return Started(success=True, url=self.run.url or "", port=self.run.port or 0, pid=self.run.pid)

    @property
    def current(self) -> Run | None:
        """The run, while there is one: None at rest and while the next one is waited for."""
        return self.run if self.lifecycle.state in _WITH_A_RUN else None

    def stop_error(self) -> errors.SidecarError:
        """What of the backend would not die."""
        return self._answering.error(Outcome.STOP_FAILED, self.run)

    def met_stranger(self, run: Run) -> None:
        """Somebody else answers on the run's port."""
        self._launcher.find_owner(run)
        self.post(e.Foreign(run.number, retry=self._launcher.may_retry(run)))

    # The mailbox ----------------------------------------------------------------------------------------------------

    def post(self, event: e.Event) -> None:
        """Takes an event; handled at once, or after the one that is being handled."""
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
            actions = self.lifecycle.handle(event, self._loop.time())
        except LookupError as error:
            log.defect(f"{type(event).__name__} in state {self.lifecycle.state}", error)
            return
        for action in actions:
            try:
                self._perform[type(action)](action)
            except Exception as error:  # noqa: BLE001 - one that fails must not take those behind it along
                log.defect(type(action).__name__, error)

    async def _wish(self, event: e.Event, callers: Callers[T]) -> T:
        outcome = callers.join()
        self.post(event)
        return await outcome

    # The actions ----------------------------------------------------------------------------------------------------

    def _announce(self, action: e.Announce) -> None:
        if action.state is State.STARTING:
            self.run = self._launcher.prepare(
                self.lifecycle.run, retry_of=self.run if action.reason is Reason.PORT_RETRY else None
            )
        elif self.run is not None and action.state is State.RUNNING:
            self.run.ready_at = self._loop.time()
        elif self.run is not None:
            self.on_over(self.run)
        self.since = utc_now()
        run = self.run if action.state in _WITH_A_RUN else None
        self.on_changed(
            StateChanged(
                state=action.state.value,
                previous=action.previous.value,
                reason=action.reason.value,
                pid=run.pid if run else None,
                port=run.port if run else None,
                url=run.url if run else None,
                time=self.since,
            )
        )

    def _launch(self, action: e.Launch) -> None:
        assert self.run is not None
        if self.run.error is not None:
            self.post(e.LaunchFailed(action.run, self.run.error, permanent=False))
            return
        self._spawn_task(self._launch_run(self.run, action.run))

    async def _launch_run(self, run: Run, number: int) -> None:
        ears = RunEars(run, on_output=self._heard_output, on_exit=self._heard_exit, on_gone=self._heard_gone)
        try:
            await self._launcher.launch(run, ears)
        except errors.SidecarError as error:
            run.error = error
            self.post(e.LaunchFailed(number, error, permanent=isinstance(error, _PERMANENT)))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, a launch that fails must end in an answer
            log.defect("the launch", error)
            run.error = errors.InternalError(f"The backend could not be started: {error}")
            self.post(e.LaunchFailed(number, run.error, permanent=False))
            return
        self.post(e.Launched(number))
        if run.status is None and self.lifecycle.state is State.STARTING:
            self.on_launched(run)

    def _request_shutdown(self, action: e.RequestShutdown) -> None:
        assert self.run is not None
        self._spawn_task(self._request(self.run, action.run))

    async def _request(self, run: Run, number: int) -> None:
        if not await self._launcher.request_shutdown(run):
            self.post(e.ShutdownRequestFailed(number))

    def _interrupt(self, _action: e.Interrupt) -> None:
        if self.run is not None and self.run.process is not None:
            self.run.process.interrupt()

    def _kill(self, _action: e.Kill) -> None:
        if self.run is not None and self.run.process is not None:
            self.run.process.kill()

    def _arm(self, action: e.Arm) -> None:
        expired = e.Expired(self.lifecycle.run, action.timer)
        self._timers.arm(action.timer, action.at, lambda: self.post(expired))

    def _answer_up(self, action: e.AnswerUp) -> None:
        if action.outcome is Outcome.DONE:
            self._answering.up.succeed(self.started)
        else:
            self._answering.fail_up(self.run, action, self.last_exit)

    def _answer_down(self, action: e.AnswerDown) -> None:
        if action.outcome is Outcome.DONE:
            self._answering.down.succeed(lambda: None)
        else:
            self._answering.fail_down(self.run, action)

    def _report_failure(self, action: e.ReportFailure) -> None:
        assert self.run is not None
        self.on_failure(self.run, action)

    # The facts ------------------------------------------------------------------------------------------------------

    def _heard_output(self, run: Run, stream: str, data: bytes) -> None:
        self.on_output(stream, data)
        self._launcher.look_for_address(run, stream, data)

    def _heard_exit(self, run: Run, status: ExitStatus) -> None:
        run.status = status
        run.ended_at = utc_now()
        expected = self.lifecycle.state is State.STOPPING and self.lifecycle.stop_reason in _ASKED
        self.last_exit = LastExit(
            code=status.code, signal=status.signal, text=status.text, time=run.ended_at, expected=expected
        )
        self.on_over(run)
        self.post(e.Exited(run.number, status))

    def _heard_gone(self, run: Run, survivors: list[Survivor]) -> None:
        run.survivors = survivors
        retry = False
        try:
            retry = self._launcher.judge_end(run)
        except OSError as error:  # no descriptor left to look with; the end must be told all the same
            self._report(f"why the backend ended cannot be looked into: {error.strerror}")
        if survivors:
            names = ", ".join(f"{survivor.name} ({survivor.pid})" for survivor in survivors)
            self._report(f"part of the backend's tree is still alive: {names}")
        self.post(e.Gone(run.number, len(survivors), retry))

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_WITH_A_RUN = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
_PERMANENT = (errors.BackendNotFoundError, errors.BackendNotAFileError, errors.BackendNotExecutableError)
_ASKED = frozenset({Reason.REQUESTED, Reason.SHUTDOWN})


def _ignore(*_: object) -> None:
    """A hook that nobody set."""
