"""What callers receive in situations that are too rare on a real system."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from sidecar.core.events import Conflict, Outcome, Reason
from sidecar.core.exit_status import ExitStatus
from sidecar.errors import (
    BackendExitedError,
    PortForbiddenError,
    PortInUseError,
    RestartsExhaustedError,
    StopFailedError,
)
from sidecar.process.base import ListeningSocket
from sidecar.process.spec import LaunchSpec
from sidecar.settings.model import Limits, Settings
from sidecar.supervisor.answers import error_for, launch_defect, port_foreign, why_failed
from sidecar.supervisor.run import Run, places_of


def run(**known: Any) -> Run:
    return Run(1, 5005, 0.0, **known)


@pytest.mark.parametrize(
    ("conflict", "kind"), [(Conflict.IN_USE, PortInUseError), (Conflict.FORBIDDEN, PortForbiddenError)]
)
def test_a_lost_port_outranks_the_exit(conflict: Conflict, kind: type[Exception]) -> None:
    owner = ListeningSocket("127.0.0.1", 5005, 77)
    lost = run(status=ExitStatus(signal=6), conflict=conflict, owner=owner, owner_name="nginx")
    error = error_for(Outcome.EXITED, lost, Settings())
    assert isinstance(error, kind)
    assert error.data == {"port": 5005, "owner": {"pid": 77, "name": "nginx"}}
    assert error.hint


@pytest.mark.parametrize(
    ("owner", "command", "allowed"),
    [
        ("docker-proxy", "/usr/bin/python3", True),
        ("", "/usr/bin/docker", True),
        ("", "/usr/bin/python3", True),
        ("ssh", "ssh", True),
        ("nginx", "/usr/bin/python3", False),
    ],
)
def test_a_program_that_forwards_the_port_may_be_allowed(owner: str, command: str, allowed: bool) -> None:
    spec = LaunchSpec((command,), "/", {})
    socket = ("127.0.0.1", 5005, 4711) if owner else None
    error = port_foreign(Run(1, 5005, 0.0, spec=spec, owner=socket, owner_name=owner))
    assert ('backend.listener = "any"' in (error.hint or "")) is allowed


def test_an_exit_is_reported_with_its_last_output() -> None:
    ended = run(status=ExitStatus(code=3), output="x" * 100_000 + "the end")
    error = error_for(Outcome.EXITED, ended, Settings())
    assert isinstance(error, BackendExitedError)
    assert error.data["output"].endswith("the end")
    assert len(error.data["output"]) <= 8192


def test_a_failed_state_is_explained_by_its_own_error_and_else_by_the_budget() -> None:
    assert isinstance(why_failed(run(), Settings()), RestartsExhaustedError)
    error = StopFailedError("x")
    assert why_failed(run(error=error), Settings()) is error


@pytest.mark.parametrize(
    ("known", "message", "hint"),
    [
        (
            {"status": ExitStatus(code=1), "output": "Error: no disk\n"},
            "Its last error: Error: no disk",
            "crash report",
        ),
        (
            {"ended_for": Reason.STARTUP_TIMEOUT, "listening": (), "output": ""},
            "It was not ready within timeouts.startup",
            "timeouts.startup",
        ),
        (
            {"ended_for": Reason.HUNG, "status": ExitStatus(signal=15)},
            "hung: it stopped answering. It did not",
            "raise health",
        ),
        ({"conflict": Conflict.IN_USE}, "Port 5005 is in use", "Close that program"),
        ({"listener": "foreign"}, "port 5005 belongs to another program", "Close that program"),
        ({"over_memory": 1 << 30}, "more than limits.memory", "limits.memory"),
    ],
)
def test_restarts_that_are_exhausted_name_the_last_cause(known: dict[str, Any], message: str, hint: str) -> None:
    error = why_failed(run(**known), Settings(limits=Limits(memory=1 << 29)))
    assert isinstance(error, RestartsExhaustedError)
    assert message in error.message
    assert hint in error.hint
    assert error.hint.endswith("Then start it with backend:start.")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM])
def test_a_launch_that_met_a_limit_of_the_system_names_it(number: int) -> None:
    error = launch_defect(OSError(number, os.strerror(number)))
    assert os.strerror(number) in error.message
    assert "raise it (ulimit -n for open files, -u for processes" in error.hint
    assert "ulimit" not in launch_defect(OSError(errno.EIO, "Input/output error")).hint


def test_a_sentence_names_the_first_of_many_sockets() -> None:
    """A backend may listen on thousands of ports, and open others every second; each change writes a line to the log."""
    sockets = [("0.0.0.0", 5000 + number, 7, False, False) for number in range(3000)]
    assert places_of(sockets[:2]) == "0.0.0.0:5000, 0.0.0.0:5001"
    assert places_of(sockets).endswith("0.0.0.0:5009 and 2990 more")
