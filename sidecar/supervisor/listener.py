"""What the process layer reports of one run, on its way to the supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.exit_status import ExitStatus
from ..process.base import Survivor

if TYPE_CHECKING:
    from .supervisor import Supervisor


class SupervisedRun:
    """Adds the number of the run; see process.base.RunListener."""

    def __init__(self, supervisor: Supervisor, number: int) -> None:
        self._supervisor = supervisor
        self._number = number

    def output(self, stream: str, data: bytes) -> None:  # noqa: D102
        self._supervisor.hear_output(self._number, stream, data)

    def exited(self, status: ExitStatus) -> None:  # noqa: D102
        self._supervisor.hear_exit(self._number, status)

    def gone(self, survivors: list[Survivor]) -> None:  # noqa: D102
        self._supervisor.hear_gone(self._number, survivors)
