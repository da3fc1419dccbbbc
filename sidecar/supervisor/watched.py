"""A backend that somebody else runs: it is watched like a run of ours, and nothing is ever done to it."""

from __future__ import annotations

from collections.abc import Callable

from ..core.exit_status import UNKNOWN
from ..process.base import ListeningSocket, ProcessId, Survivor
from .run import Run, RunEars


class WatchedProcess:
    """Stands where our own process would: the rungs of the ladder only end the watch."""

    def __init__(self, ears: RunEars, port: int, find_listener: Callable[[int], list[ListeningSocket]]) -> None:
        self._ears = ears
        self._port = port
        self._find_listener = find_listener
        self._over = False
        self._pid = 0
        self.killed: list[Survivor] = []

    @property
    def identity(self) -> ProcessId:
        """Whoever listens on the port; pid 0 where the system does not tell."""
        if not self._pid:  # looked for until it is found: a look reads the whole process table
            owner = next(iter(self._find_listener(self._port)), None)
            self._pid = owner.pid or 0 if owner else 0
        return ProcessId(self._pid, 0.0)

    def begin_stop(self) -> None:
        """Nothing of it is asked to end."""

    def interrupt(self, seconds: float | None = None) -> None:  # noqa: ARG002 - it is not killed later
        """Ends the watch."""
        self.lost()

    def kill(self) -> None:
        """Ends the watch."""
        self.lost()

    def lost(self) -> None:
        """It answers no more."""
        if not self._over:
            self._over = True
            self._ears.exited(UNKNOWN)
            self._ears.gone([])

    def processes(self) -> list[ProcessId]:
        """None of its processes are ours."""
        return []

    def listeners(self) -> list[ListeningSocket] | None:
        """Whose sockets they are is not asked: any backend on the port is the right one."""
        return None


class Watcher:
    """The launcher of a backend that is not managed.

    Attributes:
        last_port: its port, from the configured address.
    """

    def __init__(
        self, port: int, now: Callable[[], float], find_listener: Callable[[int], list[ListeningSocket]]
    ) -> None:
        self.last_port: int | None = port
        self._port = port
        self._now = now
        self._find_listener = find_listener

    def prepare(self, number: int, *, retry_of: Run | None) -> Run:  # noqa: ARG002 - its port is what it is
        """A run that is not ours."""
        return Run(number, self._port, attempt=1, asked_at=self._now())

    async def launch(self, run: Run, ears: RunEars) -> None:
        """Nothing is launched."""
        run.process = WatchedProcess(ears, self._port, self._find_listener)

    def look_for_address(self, run: Run, stream: str, data: bytes) -> None:
        """It has no output that we could see."""

    async def request_shutdown(self, run: Run) -> bool:  # noqa: ARG002 - it is never asked to end
        """Never asked."""
        return False

    def judge_end(self, run: Run) -> bool:  # noqa: ARG002 - there is no other port to try
        """There is no other port to try."""
        return False

    def may_retry(self, run: Run) -> bool:  # noqa: ARG002 - as above
        """As above."""
        return False

    def last_words(self) -> str:
        """It has no output that we could see."""
        return ""

    def name_all(self, processes: list[ProcessId]) -> list[Survivor]:  # noqa: ARG002 - none of them are ours
        """None of its processes are ours."""
        return []

    def find_owner(self, run: Run) -> None:
        """Nobody on the port is a stranger."""
