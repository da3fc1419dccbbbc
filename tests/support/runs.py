"""Runs of the process layer for tests: a listener that records, and commands for the small children."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from sidecar.core.exit_status import ExitStatus
from sidecar.process.base import Survivor
from sidecar.process.spec import LaunchSpec
from tests.support.processes import until

CHILDREN = Path(__file__).resolve().parents[1] / "children"


def child(name: str, *arguments: object) -> tuple[str, ...]:
    """The command of tests/children/NAME.py."""
    return (sys.executable, "-I", "-S", str(CHILDREN / f"{name}.py"), *map(str, arguments))


def python(code: str) -> tuple[str, ...]:
    """The command that runs a line of Python."""
    return (sys.executable, "-I", "-S", "-c", code)


def spec(
    command: tuple[str, ...],
    *,
    cwd: str = "/",
    env: dict[str, str] | None = None,
    **more: Any,
) -> LaunchSpec:
    """A launch with this process's environment, unless another is given."""
    return LaunchSpec(command, cwd, dict(os.environ) if env is None else env, **more)


class Recorder:
    """A RunListener that records what it received, in order and with the time."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.size = 0
        self.keep = True
        self.order: list[str] = []
        self.times: dict[str, float] = {}
        self.status: ExitStatus | None = None
        self.survivors: list[Survivor] | None = None

    def output(self, stream: str, data: bytes) -> None:
        self.size += len(data)
        self.order.append(stream)
        if self.keep:
            (self.out if stream == "stdout" else self.err).extend(data)

    def exited(self, status: ExitStatus) -> None:
        self.order.append("exited")
        self.times["exited"] = time.monotonic()
        self.status = status

    def gone(self, survivors: list[Survivor]) -> None:
        self.order.append("gone")
        self.times["gone"] = time.monotonic()
        self.survivors = survivors

    async def is_gone(self, deadline: float = 20.0) -> list[Survivor]:
        """Waits for the end of the run, and returns its survivors."""
        await until(lambda: self.survivors is not None, deadline, what=lambda: self.order[-3:])
        assert self.survivors is not None
        return self.survivors

    async def has_written(self, text: bytes) -> None:
        """Waits for a text on stdout."""
        await until(lambda: text in self.out, what=lambda: (bytes(self.out), bytes(self.err), self.order))
