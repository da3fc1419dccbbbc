"""What the newest run reports about itself (backend.notify); only what is proven to come from it."""

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from ..core import events as e
from ..core.notification import MAX_BYTES, MAX_STATUS, Notification, parse_notification
from ..plain import one_line
from ..process.base import Datagram, NotifyChannel
from ..supervisor import Supervisor
from ..supervisor.stream import RunEnded, RunLaunching, RunStarted

_STATUS_SECONDS = 0.1  # seconds between two that are shown; the newest always is
_AT_ONCE = 16  # datagrams in one turn of the loop
_PAUSE = 0.02  # seconds to wait after so many, or after looks at a huge tree; meanwhile the kernel blocks the senders of more
_REST = 4  # times as long as the datagrams took: they take at most a fifth of the event loop


class Notifications(Struct, eq=False):
    """Reads notifications while a run is alive, and posts the events that follow. READY=1 sets ``ready``."""

    channel: NotifyChannel
    supervisor: Supervisor
    watchdog: float  # most seconds between two WATCHDOG=1; 0: none is expected
    mask: Callable[[str], str]  # takes secrets out of a text
    report: Callable[[str], None]  # logs a sentence
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _status: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _started: float = 0.0
    _alive_at: float = 0.0
    _triggered: bool = False
    _stopping_at: float | None = None
    _shown_at: float = -_STATUS_SECONDS
    _is_due: bool = False  # a status will be shown later
    _reported: set[str] = set()
    _pause: asyncio.TimerHandle | None = None
    _senders: dict[int, bool] = {}  # in one turn of the loop: each takes a look at the whole tree

    def __post_init__(self) -> None:
        self.supervisor.stream.subscribe(RunLaunching, self._begin)
        self.supervisor.stream.subscribe(RunStarted, self._read_on)
        self.supervisor.stream.subscribe(RunEnded, self._end)

    def begin_watch(self) -> None:
        """Starts the watchdog: the run is ready."""
        self._alive_at = self._loop.time()

    def hung(self) -> str:
        """Returns why the run counts as hung; empty: it does not."""
        self._read(self._take)  # this process itself may have slept
        if self._triggered:
            return "it sent WATCHDOG=trigger"
        if self.watchdog and self._loop.time() - self._alive_at > self.watchdog:
            return f"it sent no WATCHDOG=1 for {self.watchdog:g} s (health.watchdog)"
        return ""

    @property
    def status(self) -> str:
        """The last STATUS=, as a page may see it; masked only when shown, because thousands may come in a second."""
        return self.mask(self._status)

    def is_stopping(self, seconds: float) -> bool:
        """Whether it reported within the last ``seconds`` that it is about to exit."""
        return self._stopping_at is not None and self._loop.time() - self._stopping_at < seconds

    def _begin(self, _notice: RunLaunching) -> None:
        self.ready.clear()
        self._status, self._triggered, self._stopping_at = "", False, None
        self._reported.clear()

    def _read_on(self, _notice: RunStarted) -> None:
        """Reads only from now on, when the run's processes are known. What others sent meanwhile came from an earlier run."""
        self._started = self._loop.time()
        self._read(lambda datagram: self._take(datagram) if self._is_ours(datagram.pid) else None)
        self._resume()

    def _end(self, _notice: RunEnded) -> None:
        self._loop.remove_reader(self.channel.fileno())
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self.channel.fileno(), self._readable)

    def _readable(self) -> None:
        wait = self._read(self._take)
        if wait is not None and self._pause is None:
            self._loop.remove_reader(self.channel.fileno())
            self._pause = self._loop.call_later(wait, self._resume)

    def _read(self, take: Callable[[Datagram], None]) -> float | None:
        """Passes some datagrams to ``take``; returns the seconds to wait before the next ones, None if there are none."""
        self._senders.clear()
        begin = self._loop.time()
        for _ in range(_AT_ONCE):
            datagram = self.channel.receive(MAX_BYTES)
            if datagram is None:
                return None
            take(datagram)
            if self._loop.time() - begin > _PAUSE:
                break
        return max(_PAUSE, _REST * (self._loop.time() - begin))

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
        run = self.supervisor.run
        if run is None or run.process is None or not pid:
            return False
        return pid == run.process.identity.pid or any(one.pid == pid for one in run.process.processes())

    def _act(self, said: Notification) -> None:
        run = self.supervisor.run
        assert run is not None
        for problem in said.problems:
            self._warn(problem)
        if said.extend is not None:
            self.supervisor.post(e.ExtendTimeout(run.number, said.extend))
        if said.status is not None:
            self._status = one_line(said.status)[:MAX_STATUS]
            wait = self._shown_at + _STATUS_SECONDS - self._loop.time()
            if wait <= 0:
                self._show(run.number)
            elif not self._is_due:
                self._is_due = True
                self._loop.call_later(wait, self._show, run.number)
        if said.watchdog == "alive":
            self._alive_at, self._triggered = self._loop.time(), False
        elif said.watchdog == "trigger":
            self._triggered = True
        if said.stopping:
            self._stopping_at = self._loop.time()
        if said.ready:
            self.ready.set()

    def _show(self, run: int) -> None:
        self._is_due, self._shown_at = False, self._loop.time()
        self.supervisor.post(e.Progress(run, "waiting", self._shown_at - self._started, self.status))

    def _warn(self, text: str) -> None:
        """Logs each text once per run, so that a flood cannot fill the log."""
        if text not in self._reported and len(self._reported) < _AT_ONCE:
            self._reported.add(text)
            self.report(text)
