"""Who waits for the backend, and what they are told."""

from __future__ import annotations

from .. import errors
from ..core.events import AnswerDown, AnswerUp, Outcome
from ..settings.model import Settings
from ..wire.messages import LastExit, Started
from .answers import error_for, why_failed
from .callers import Callers
from .launcher import Launches
from .run import Run


class Answering:
    """Both groups of callers.

    Attributes:
        up: they wait for the run to be ready.
        down: they wait for the tree to be gone.
    """

    def __init__(self, launcher: Launches, settings: Settings) -> None:
        self.up: Callers[Started] = Callers()
        self.down: Callers[None] = Callers()
        self._launcher = launcher
        self._settings = settings

    def fail_up(self, run: Run | None, action: AnswerUp, last_exit: LastExit | None) -> None:
        """Everybody who waits for the run gets the error, each an own one."""
        if run is not None and action.outcome is Outcome.STARTUP_TIMEOUT:
            run.listening = run.listeners()  # it is about to be stopped
        if action.outcome is Outcome.BUDGET_SPENT:
            self.up.fail(lambda: why_failed(run, last_exit))
        else:
            self.up.fail(lambda: action.error or self.error(action.outcome, run))

    def fail_down(self, run: Run | None, action: AnswerDown) -> None:
        """Everybody who waits for the end gets the error; it stays the answer for as long as the run is the newest."""
        if run is not None:
            run.error = self.error(action.outcome, run)
        self.down.fail(lambda: self.error(action.outcome, run))

    def error(self, outcome: Outcome, run: Run | None) -> errors.SidecarError:
        """The error for an outcome, with what is known of the run by now."""
        if run is not None and not run.output:
            run.output = self._launcher.last_words()
        if outcome is Outcome.STOP_FAILED and run is not None and not run.survivors and run.process is not None:
            run.survivors = self._launcher.name_all(run.process.processes())
        return error_for(outcome, run, self._settings)
