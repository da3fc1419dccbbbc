"""What the newest run says of itself (backend.notify), as far as it is proven to be the run that says it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core import events as e
from ..core.notification import MAX_BYTES, MAX_STATUS, Notification, parse_notification
from ..plain import one_line
from ..process.base import Datagram, NotifyChannel
from ..supervisor import Supervisor
from ..supervisor.stream import RunEnded, RunLaunching, RunStarted

_AT_ONCE = 16  # datagrams in one turn of the loop; the kernel holds back the senders of more


class Notifications:
    """Reads while a run is alive, and posts what follows. ``ready`` is set by READY=1; ``status``: the last STATUS=."""

    def __init__(
        self, channel: NotifyChannel, supervisor: Supervisor, *, watchdog: float, report: Callable[[str], None]
    ) -> None:
        """``watchdog``: seconds from one WATCHDOG=1 to the next; 0: none is awaited. ``report`` logs a sentence."""
        self.ready = asyncio.Event()
        self.status = ""
        self._channel = channel
        self._supervisor = supervisor
        self._watchdog = watchdog
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._started = self._alive_at = 0.0
        self._triggered = False
        self._stopping_at: float | None = None
        self._reported: set[str] = set()
        self._senders: dict[int, bool] = {}  # of one turn of the loop: each costs a look at the whole tree
        supervisor.stream.subscribe(RunLaunching, self._begin)
        supervisor.stream.subscribe(RunStarted, self._read_on)
        supervisor.stream.subscribe(RunEnded, self._end)

    def begin_watch(self) -> None:
        """The run is ready: its watchdog counts from now on."""
        self._alive_at = self._loop.time()

    def hung(self) -> str:
        """Why the run counts as hung; empty: it does not."""
        self._read(self._take)  # this process may have slept itself
        if self._triggered:
            return "it sent WATCHDOG=trigger"
        if self._watchdog and self._loop.time() - self._alive_at > self._watchdog:
            return f"it sent no WATCHDOG=1 for {self._watchdog:g} s (health.watchdog)"
        return ""

    def is_stopping(self, seconds: float) -> bool:
        """Whether it said within the last ``seconds`` that it is about to end."""
        return self._stopping_at is not None and self._loop.time() - self._stopping_at < seconds

    def _begin(self, _notice: RunLaunching) -> None:
        self.ready.clear()
        self.status, self._triggered, self._stopping_at = "", False, None
        self._reported.clear()

    def _read_on(self, _notice: RunStarted) -> None:
        """Not before: only now it is known which processes are the run's. What others sent meanwhile came from an earlier run."""
        self._started = self._loop.time()
        self._read(lambda datagram: self._take(datagram) if self._is_ours(datagram.pid) else None)
        self._loop.add_reader(self._channel.fileno(), self._read, self._take)

    def _end(self, _notice: RunEnded) -> None:
        self._loop.remove_reader(self._channel.fileno())

    def _read(self, take: Callable[[Datagram], None]) -> None:
        self._senders.clear()
        for _ in range(_AT_ONCE):
            datagram = self._channel.receive(MAX_BYTES)
            if datagram is None:
                return
            take(datagram)

    def _take(self, datagram: Datagram) -> None:
        pid = datagram.pid
        if pid not in self._senders:
            self._senders[pid] = self._is_ours(pid)
        if not self._senders[pid]:
            who = f"process {datagram.pid}" if datagram.pid else "a process of another pid namespace"
            self._warn(f"A notification was ignored: it came from {who}, which is not part of the backend")
        elif datagram.is_cut:
            self._warn(f"A notification from the backend was ignored: it has more than {MAX_BYTES} bytes")
        else:
            self._act(parse_notification(datagram.data))

    def _is_ours(self, pid: int) -> bool:
        run = self._supervisor.run
        if run is None or run.process is None or not pid:
            return False
        return pid == run.process.identity.pid or any(one.pid == pid for one in run.process.processes())

    def _act(self, said: Notification) -> None:
        run = self._supervisor.run
        assert run is not None
        for problem in said.problems:
            self._warn(problem)
        if said.extend is not None:
            self._supervisor.post(e.ExtendTimeout(run.number, said.extend))
        if said.status is not None:
            self.status = one_line(said.status)[:MAX_STATUS]
            self._supervisor.post(e.Progress(run.number, "waiting", self._loop.time() - self._started, self.status))
        if said.watchdog == "alive":
            self._alive_at, self._triggered = self._loop.time(), False
        elif said.watchdog == "trigger":
            self._triggered = True
        if said.stopping:
            self._stopping_at = self._loop.time()
        if said.ready:
            self.ready.set()

    def _warn(self, text: str) -> None:
        """Once for each run: a flood of the same must not fill the log."""
        if text not in self._reported and len(self._reported) < _AT_ONCE:
            self._reported.add(text)
            self._report(text)
