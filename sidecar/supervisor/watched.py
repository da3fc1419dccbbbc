"""A backend that is not managed: it is watched like a run of ours, and never touched."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from ..core.exit_status import UNKNOWN
from ..process.base import ListeningSocket, ProcessId, RunListener, Survivor
from ..process.spec import LaunchSpec
from ..settings.checks import configured_port
from .launcher import Launcher
from .port_choice import Post
from .run import Run

FindListener = Callable[[int], list[ListeningSocket]]


class WatchedProcess(Struct, eq=False):
    """Takes the place of a process of ours; every rung of the stop ladder only ends the watch."""

    _listener: RunListener
    _port: int
    _find_listener: FindListener
    _over: bool = False
    _pid: int = 0
    killed: list[Survivor] = []

    @property
    def identity(self) -> ProcessId:
        """The process that listens on the port; pid 0 if the system does not say."""
        if not self._pid:  # only looked for until found: a look reads the whole process table
            try:
                owner = next(iter(self._find_listener(self._port)), None)
            except OSError:  # out of descriptors
                owner = None
            self._pid = owner.pid or 0 if owner else 0
        return ProcessId(self._pid, 0.0)

    def begin_stop(self, *, asked: bool = True) -> None:
        """No process is asked to end."""

    def close_stdin(self) -> None:
        """Its stdin is not ours."""

    def interrupt(self, seconds: float | None = None) -> None:  # noqa: ARG002 - it is not killed later
        """Ends the watch."""
        self.kill()

    def kill(self) -> None:
        if not self._over:
            self._over = True
            self._listener.exited(UNKNOWN)
            self._listener.gone([])

    def processes(self) -> list[ProcessId]:
        return []

    def listeners(self) -> list[ListeningSocket] | None:
        """Not looked at: any backend on the port is the right one."""
        return None


class Watcher(Launcher):
    """The launcher of a backend that is not managed: its port is configured, and nothing is executed."""

    turn_limit = 0.0  # it waits for no other sidecar

    def prepare(self, number: int, *, retry: bool) -> Run:  # noqa: ARG002 - there is no other port
        """Returns a run that is not ours."""
        self.ports.use(configured_port(self.settings.backend) or 0)
        return Run(number, self.ports.last, asyncio.get_running_loop().time())

    async def wait_for_port(self, run: Run, post: Post, wanted: Callable[[], bool]) -> None:
        """Never waits: the backend has its own port."""

    def plan(self, run: Run) -> None:
        """Nothing is executed."""

    async def launch(self, spec: LaunchSpec | None, listener: RunListener) -> WatchedProcess:  # noqa: ARG002 - it is None
        return WatchedProcess(listener, self.ports.last or 0, self.find_listener)

    def explain_end(self, run: Run) -> None:
        """It has no other port to try."""
