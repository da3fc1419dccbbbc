"""A process layer in memory: processes that live, print and die on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sidecar.core.exit_status import ExitStatus
from sidecar.errors import SidecarError
from sidecar.process.base import ListeningSocket, ProcessId, RunListener, Survivor
from sidecar.process.spec import LaunchSpec

TERMINATED = ExitStatus(signal=15)
KILLED = ExitStatus(signal=9)


class FakeProcess:
    """One run. By default it runs forever, does not listen, and exits at once on SIGTERM or a kill.

    Attributes:
        sockets: the sockets on which it listens.
        shared: ports on which another process also listens.
        worker: the pid of the process that listens, if that is not the root.
        on_interrupt: seconds until SIGTERM ends it; None: it ignores the signal.
        immortal: a kill leaves it alive.
        signals: the signals sent to it, in order.
    """

    def __init__(self, layer: FakeLayer, spec: LaunchSpec, listener: RunListener, pid: int) -> None:
        self.spec = spec
        self.identity = ProcessId(pid, 1.0)
        self.sockets: list[tuple[str, int]] = []
        self.shared: set[int] = set()
        self.worker: int | None = None
        self.on_interrupt: float | None = 0.0
        self.immortal = False
        self.signals: list[str] = []
        self.alive = True
        self.killed: list[Survivor] = []
        self._layer = layer
        self._listener = listener
        self._loop = asyncio.get_running_loop()

    def print(self, text: str, stream: str = "stdout") -> None:
        self._listener.output(stream, text.encode())

    def listen(self, port: int | None = None) -> None:
        self.listen_on("127.0.0.1", port or int(self.spec.command[-1]))

    def listen_on(self, address: str, port: int) -> None:
        self.sockets.append((address, port))

    def listen_after(self, seconds: float) -> None:
        self._loop.call_later(seconds, self.listen)

    def exit(self, status: ExitStatus, *, gone_after: float = 0.0) -> None:
        """The root exits; the tree is gone ``gone_after`` seconds later."""
        if self.alive:
            self.alive = False
            self.sockets.clear()
            self._listener.exited(status)
            self._loop.call_later(gone_after, self._listener.gone, [])

    # RunningProcess ---------------------------------------------------------------------------------------------------

    def begin_stop(self, *, asked: bool = True) -> None:
        self.signals.append("begin_stop" if asked else "not_asked")

    def close_stdin(self) -> None:
        self.signals.append("close_stdin")

    def interrupt(self, seconds: float | None = None) -> None:
        self.signals.append("interrupt")
        if self.on_interrupt is not None:
            self._loop.call_later(self.on_interrupt, self.exit, TERMINATED)

    def kill(self) -> None:
        self.signals.append("kill")
        if not self.immortal and self.alive:
            self.killed.append(Survivor(self.identity.pid, "fake"))
            self._loop.call_soon(self.exit, KILLED)

    def processes(self) -> list[ProcessId]:
        return [self.identity] if self.alive else []

    def listeners(self) -> list[ListeningSocket] | None:
        pid = self.worker or self.identity.pid
        return [ListeningSocket(address, port, pid, shared=port in self.shared) for address, port in self.sockets]


class FakeLayer:
    """Implements ProcessLayer.

    Attributes:
        requested: the number of launches requested so far.
        runs: every launched process, oldest first.
        script: called with each new process, before its launch returns.
        errors: raised by the next launches, in order; None: that launch succeeds.
        strangers: listening sockets of other programs.
    """

    marker = "SIDECAR_RUN=fake"
    guardian = None

    def __init__(self) -> None:
        self.requested = 0
        self.runs: list[FakeProcess] = []
        self.script: Callable[[FakeProcess], None] = lambda _: None
        self.errors: list[SidecarError | None] = []
        self.strangers: list[ListeningSocket] = []
        self.launch_takes = 0.0

    @property
    def last(self) -> FakeProcess:
        return self.runs[-1]

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> FakeProcess:
        self.requested += 1
        await asyncio.sleep(self.launch_takes)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        process = FakeProcess(self, spec, listener, pid=100 + len(self.runs))
        self.runs.append(process)
        asyncio.get_running_loop().call_soon(self.script, process)
        return process

    async def close(self) -> list[Survivor]:
        return []

    def find_listener(self, port: int) -> list[ListeningSocket]:
        """Returns the listeners on a port: ours and strangers."""
        own = [socket for run in self.runs for socket in run.listeners() or ()]
        return [socket for socket in [*own, *self.strangers] if socket.port == port]

    def is_listening(self, port: int) -> bool:
        return bool(self.find_listener(port))
