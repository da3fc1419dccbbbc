"""A backend that is not managed: it is watched like a run of ours, and nothing is ever done to it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..core.events import Socket
from ..core.exit_status import UNKNOWN
from ..process.base import LaunchSpec, ListeningSocket, ProcessId, RunListener, Survivor
from .launcher import Launcher
from .run import Run

FindListener = Callable[[int], list[ListeningSocket]]


class WatchedProcess:
    """Stands where our own process would: every rung of the ladder only ends the watch."""

    def __init__(self, listener: RunListener, port: int, find_listener: FindListener) -> None:
        self._listener = listener
        self._port = port
        self._find_listener = find_listener
        self._over = False
        self._pid = 0
        self.killed: list[Survivor] = []

    @property
    def identity(self) -> ProcessId:
        """The process that listens on the port; pid 0 where the system does not say."""
        if not self._pid:  # looked for until it is found: a look reads the whole process table
            try:
                owner = next(iter(self._find_listener(self._port)), None)
            except OSError:  # no descriptor is left to look with
                owner = None
            self._pid = owner.pid or 0 if owner else 0
        return ProcessId(self._pid, 0.0)

    def begin_stop(self) -> None:
        """Nothing of it is asked to end."""

    def close_stdin(self) -> None:
        """Its stdin is not ours."""

    def interrupt(self, seconds: float | None = None) -> None:  # noqa: ARG002 - it is not killed later
        """Ends the watch."""
        self.kill()

    def kill(self) -> None:
        """Ends the watch."""
        if not self._over:
            self._over = True
            self._listener.exited(UNKNOWN)
            self._listener.gone([])

    def processes(self) -> list[ProcessId]:
        """None of its processes are ours."""
        return []

    def listeners(self) -> list[ListeningSocket] | None:
        """Not looked at: any backend on the port is the right one."""
        return None


class Watcher:
    """The launcher of a backend that is not managed.

    Attributes:
        last_port: its port, from the configured address.
    """

    def __init__(self, port: int, now: Callable[[], float], find_listener: FindListener) -> None:
        self.last_port: int | None = port
        self._port = port
        self._now = now
        self._find_listener = find_listener

    def prepare(self, number: int, *, retry: bool) -> Run:  # noqa: ARG002 - its port is configured
        """A run that is not ours."""
        return Run(number, self._port, self._now())

    turn_limit = 0.0

    async def wait_for_turn(self, report: Callable[[float, str], None], wanted: Callable[[], bool]) -> int | None:  # noqa: ARG002 - as above
        """It waits for no other sidecar: nothing is launched."""
        return self._port

    def find_conflict(self, run: Run) -> None:
        """Its port is its own."""

    def plan(self, run: Run) -> None:
        """Nothing is executed."""

    async def launch(self, spec: LaunchSpec | None, listener: RunListener) -> WatchedProcess:  # noqa: ARG002 - as above
        """Begins the watch."""
        return WatchedProcess(listener, self._port, self._find_listener)

    def reported_port(self, run: Run, stream: str, data: bytes) -> None:
        """Its output is not ours to see."""

    unfinished_port = None
    passed: None = None

    def printed_bind_failure(self, run: Run) -> bool:  # noqa: ARG002 - as above
        """Its output goes elsewhere."""
        return False

    def printed_port(self, among: Collection[int]) -> None:
        """Its output is not ours to see."""

    def use_port(self, port: int) -> None:
        """Its port is its own."""

    async def request_shutdown(self, run: Run) -> None:
        """Never asked."""

    def explain_end(self, run: Run) -> None:
        """It has no other port to try."""

    def last_output(self, limit: int = 0) -> str:  # noqa: ARG002 - there is nothing to cut
        """Its output is not ours to see."""
        return ""

    def name_all(self, processes: list[ProcessId]) -> tuple[Survivor, ...]:  # noqa: ARG002 - none of them are ours
        """None of its processes are ours."""
        return ()

    def find_owner(self, port: int | None) -> tuple[None, str]:  # noqa: ARG002 - any program on the port is the right one
        """No program on the port is a foreign one."""
        return None, ""

    def name_of(self, owner: Socket | None) -> str:  # noqa: ARG002 - as above
        """As above."""
        return ""


Launches = Launcher | Watcher
