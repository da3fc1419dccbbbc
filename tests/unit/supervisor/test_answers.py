"""What callers are told, from facts that a real system gives too rarely to wait for."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sidecar.core.events import Conflict, Outcome
from sidecar.core.exit_status import ExitStatus
from sidecar.errors import (
    BackendExitedError,
    PortForbiddenError,
    PortInUseError,
    RestartBudgetSpentError,
    StopFailedError,
)
from sidecar.process.base import ListeningSocket, ProcessId, Survivor
from sidecar.settings.model import Settings
from sidecar.supervisor.answering import Answering
from sidecar.supervisor.answers import error_for, why_failed
from sidecar.supervisor.run import Run


class Undying:
    identity = ProcessId(4711, 1.0)

    def processes(self) -> list[ProcessId]:
        return [self.identity, ProcessId(4712, 2.0)]


class Namer:
    def last_words(self) -> str:
        return "last words"

    def name_all(self, found: list[ProcessId]) -> list[Survivor]:
        return [Survivor(pid, f"name-of-{pid}") for pid, _ in found]


def run() -> Run:
    return Run(1, 5005, attempt=1, asked_at=0.0)


def test_a_stop_that_gives_up_names_who_is_left() -> None:
    left = run()
    left.process = cast("Any", Undying())
    error = Answering(cast("Any", Namer()), Settings()).error(Outcome.STOP_FAILED, left)
    assert isinstance(error, StopFailedError)
    assert error.data == {"survivors": [{"pid": 4711, "name": "name-of-4711"}, {"pid": 4712, "name": "name-of-4712"}]}
    assert "name-of-4711 (pid 4711)" in error.message


def test_survivors_that_were_reported_are_not_looked_for_again() -> None:
    left = run()
    left.process = cast("Any", Undying())
    left.survivors = [Survivor(1, "init")]
    error = Answering(cast("Any", Namer()), Settings()).error(Outcome.STOP_FAILED, left)
    assert error.data == {"survivors": [{"pid": 1, "name": "init"}]}


@pytest.mark.parametrize(
    ("conflict", "kind"), [(Conflict.IN_USE, PortInUseError), (Conflict.FORBIDDEN, PortForbiddenError)]
)
def test_a_lost_port_outranks_the_exit(conflict: Conflict, kind: type[Exception]) -> None:
    lost = run()
    lost.status, lost.conflict = ExitStatus(signal=6), conflict
    lost.owner, lost.owner_name = ListeningSocket("127.0.0.1", 5005, 77), "nginx"
    error = error_for(Outcome.EXITED, lost, Settings())
    assert isinstance(error, kind)
    assert error.data == {"port": 5005, "owner": {"pid": 77, "name": "nginx"}}
    assert error.hint


def test_an_exit_is_told_with_its_last_output() -> None:
    ended = run()
    ended.status, ended.output = ExitStatus(code=3), "x" * 100_000 + "the end"
    error = error_for(Outcome.EXITED, ended, Settings())
    assert isinstance(error, BackendExitedError)
    assert error.data is not None
    assert error.data["output"].endswith("the end")
    assert len(error.data["output"]) <= 8192


def test_a_failed_state_is_explained_by_its_own_error_and_else_by_the_budget() -> None:
    failed = run()
    assert isinstance(why_failed(failed, None), RestartBudgetSpentError)
    failed.error = StopFailedError("x")
    assert why_failed(failed, None) is failed.error
