"""What the process layer reports of one run, on its way to the supervisor."""

from __future__ import annotations

from typing import Protocol

from ..core.exit_status import ExitStatus
from ..process.base import Survivor


class Hears(Protocol):
    """The supervisor, as far as it is needed here."""

    def hear_output(self, number: int, stream: str, data: bytes) -> None: ...  # noqa: D102 - see RunListener

    def hear_exit(self, number: int, status: ExitStatus) -> None: ...  # noqa: D102 - as above

    def hear_gone(self, number: int, survivors: list[Survivor]) -> None: ...  # noqa: D102 - as above


class SupervisedRun:
    """Adds the number of the run; see process.base.RunListener."""

    def __init__(self, supervisor: Hears, number: int) -> None:
        self._supervisor = supervisor
        self._number = number

    def output(self, stream: str, data: bytes) -> None:  # noqa: D102
        self._supervisor.hear_output(self._number, stream, data)

    def exited(self, status: ExitStatus) -> None:  # noqa: D102
        self._supervisor.hear_exit(self._number, status)

    def gone(self, survivors: list[Survivor]) -> None:  # noqa: D102
        self._supervisor.hear_gone(self._number, survivors)
