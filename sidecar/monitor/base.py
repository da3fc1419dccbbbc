"""What is watched, and who is told."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from ..backend.probe import ProbeResult
from ..process.base import ListeningSocket
from ..wire.messages import HealthResult, Phase


class Watched(Protocol):
    """A run of the backend, ours or somebody else's."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def port(self) -> int | None:
        """Where it listens; None until it reports one."""

    def listeners(self) -> list[ListeningSocket] | None:
        """Where its tree listens; None where the system does not tell."""


class MonitorSink(Protocol):
    """Told what the monitor sees."""

    def progress(self, phase: Phase, elapsed: float, message: str) -> None:
        """How far the start has come; ``elapsed`` in seconds."""

    def listener(
        self, run: Watched, verdict: Literal["own", "foreign", "unknown"], owner: ListeningSocket | None
    ) -> None:
        """Who listens on the run's port."""

    def unready(self, run: Watched, result: ProbeResult) -> None:
        """The run listens, and a request to its live endpoint failed."""

    def ready(self, run: Watched) -> None:
        """The run answers, and it is the run that answers."""

    def foreign(self, run: Watched) -> None:
        """Somebody else answers on the run's port."""

    def health(self, run: Watched, result: HealthResult) -> None:
        """The first status of the run, and each change of it."""

    def hung(self, run: Watched) -> None:
        """The run answers nothing any more; told with every further miss."""

    def provider(self, body: Any) -> None:
        """The first body of the provider endpoint, and each that differs in more than its volatile keys."""

    def exposed(self, run: Watched, sockets: list[ListeningSocket]) -> None:
        """The run's sockets that other machines can reach, whenever they change."""
