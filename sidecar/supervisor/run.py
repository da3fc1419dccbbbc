"""The facts about one run of the backend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from ..backend.probe import ProbeResult
from ..core.events import Conflict
from ..core.exit_status import ExitStatus
from ..errors import SidecarError
from ..process.base import LaunchSpec, ListeningSocket, RunningProcess, Survivor

Listener = Literal["own", "foreign", "unknown"]


class Run:
    """One run, from the choice of its port to the end of its tree.

    Attributes:
        number: counts from 1.
        port: where it listens, or will; None until it reports one.
        attempt: how many ports were tried for this start, this one included.
        asked_at: when it was asked for, on the loop's clock.
        ready_at: when it was ready, on the loop's clock; None before.
        spec: what was executed; None before the launch.
        process: None before the launch.
        status: how the root ended; None while it lives.
        ended_at: when that was, ISO 8601 UTC.
        survivors: what would not die.
        conflict: it could not have its port.
        listener: who listens on the port.
        owner, owner_name: the stranger on the port, where known.
        exposed: listening sockets of its tree that other machines can reach.
        output: its last output, once drained.
        error: why the launch failed.
        last_answer: the last failed request to its live endpoint; None: none was sent yet.
        listening: where its tree listened when its time to be ready was over; None: not known.
        over_memory: bytes that its tree used when it was killed for using more than it may.
    """

    def __init__(self, number: int, port: int | None, *, attempt: int, asked_at: float) -> None:
        self.number = number
        self.port = port
        self.attempt = attempt
        self.asked_at = asked_at
        self.ready_at: float | None = None
        self.spec: LaunchSpec | None = None
        self.process: RunningProcess | None = None
        self.status: ExitStatus | None = None
        self.ended_at: str | None = None
        self.survivors: list[Survivor] = []
        self.conflict: Conflict | None = None
        self.listener: Listener = "unknown"
        self.owner: ListeningSocket | None = None
        self.owner_name = ""
        self.exposed: list[ListeningSocket] = []
        self.output = ""
        self.error: SidecarError | None = None
        self.last_answer: ProbeResult | None = None
        self.listening: list[ListeningSocket] | None = None
        self.over_memory: int | None = None

    @property
    def url(self) -> str | None:
        """Its address, None until the port is known."""
        return f"http://127.0.0.1:{self.port}" if self.port is not None else None

    @property
    def alive(self) -> bool:
        """The root process runs."""
        return self.process is not None and self.status is None

    def listeners(self) -> list[ListeningSocket] | None:
        """Where its tree listens; None where the system does not tell."""
        return self.process.listeners() if self.process is not None else None

    @property
    def pid(self) -> int | None:
        """The root's pid while it runs; None also where it is somebody else's and cannot be known."""
        return self.process.identity.pid or None if self.process is not None and self.status is None else None


class RunEars:
    """Hears what the process layer tells about one run, and passes it on with the run it belongs to."""

    def __init__(
        self,
        run: Run,
        *,
        on_output: Callable[[Run, str, bytes], None],
        on_exit: Callable[[Run, ExitStatus], None],
        on_gone: Callable[[Run, list[Survivor]], None],
    ) -> None:
        self._run = run
        self._on_output = on_output
        self._on_exit = on_exit
        self._on_gone = on_gone

    def output(self, stream: str, data: bytes) -> None:
        """See RunListener."""
        self._on_output(self._run, stream, data)

    def exited(self, status: ExitStatus) -> None:
        """See RunListener."""
        self._on_exit(self._run, status)

    def gone(self, survivors: list[Survivor]) -> None:
        """See RunListener."""
        self._on_gone(self._run, survivors)


def utc_now() -> str:
    """The time as the wire has it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
