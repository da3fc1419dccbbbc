"""Which process watch's ``k`` kills, and which it leaves alone: real processes, and a sidecar that answers as the test wants."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.console.watch import NotCrashedError, crash_backend


class Explanation:
    """Answers backend:status with these in order, then repeats the last one."""

    def __init__(self, *statuses: dict[str, Any], pid: int) -> None:
        self.hello = SimpleNamespace(pid=pid)
        self._statuses = list(statuses)

    async def call(self, channel: str) -> dict[str, Any]:
        assert channel == "backend:status"
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]


def status(pid: int | None, **more: Any) -> dict[str, Any]:
    return {"pid": pid, "state": "RUNNING", "managed": True, "since": "2026-01-01T00:00:00Z", **more}


def crash(*statuses: dict[str, Any], sidecar: int | None = None) -> int:
    return asyncio.run(crash_backend(Explanation(*statuses, pid=sidecar or os.getpid())))  # type: ignore[arg-type]  # no client


@pytest.fixture
def backend() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait(60)


def test_the_process_that_both_answers_name_is_killed(backend: subprocess.Popen[bytes]) -> None:
    assert crash(status(backend.pid)) == backend.pid
    assert backend.wait(60) != 0


def test_a_state_that_moved_between_the_answers_is_looked_at_again(backend: subprocess.Popen[bytes]) -> None:
    earlier = status(backend.pid, since="2025-01-01T00:00:00Z")
    assert crash(earlier, status(backend.pid)) == backend.pid


@pytest.mark.parametrize(
    ("change", "why"),
    [({"managed": False}, "belongs to another program"), ({"pid": None, "state": "BACKOFF"}, "the backend is BACKOFF")],
)
def test_where_there_is_nothing_of_ours_nothing_is_killed(
    change: dict[str, Any], why: str, backend: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(NotCrashedError, match=why):
        crash({**status(backend.pid), **change})
    assert backend.poll() is None


def test_a_process_that_does_not_descend_from_the_sidecar_is_left_alone(backend: subprocess.Popen[bytes]) -> None:
    beside = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with pytest.raises(NotCrashedError, match="it was not killed"):
        crash(status(backend.pid), sidecar=beside.pid)
    assert backend.poll() is None
    beside.communicate(timeout=60)


def test_a_state_that_never_rests_kills_nothing(backend: subprocess.Popen[bytes]) -> None:
    restless = [status(backend.pid, since=str(number)) for number in range(10)]
    with pytest.raises(NotCrashedError, match="kept changing its state"):
        crash(*restless)
    assert backend.poll() is None


def test_a_process_that_has_ended_is_not_found() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    process.wait(60)
    with pytest.raises(NotCrashedError):
        crash(status(process.pid))
