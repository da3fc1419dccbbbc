"""A run is ready when its tree listens on its port and the live endpoint answers 2xx, or when it says so. A log line proves nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field, structs

from ..backend.client import BackendClient
from ..backend.probe import (
    DEBUGGER,
    DEBUGGER_PATH,
    is_metrics,
    next_port_check_delay,
    next_probe_delay,
    probe,
    probe_port,
)
from ..backend.reported import lifetime_events, other_protocols
from ..core import events as e
from ..log import log
from ..process.platform.ports import CHOSEN_BY_SYSTEM
from ..settings.model import Settings
from ..settings.servers import how_to_pass_port
from ..supervisor import Supervisor
from ..supervisor.unready import says_unix_socket, what_is_missing, what_it_says
from .listener import ListenerLook, other_port

if TYPE_CHECKING:
    from .notifications import Notifications

T = TypeVar("T")

_PROGRESS_INTERVAL = 1.0
_ASK_TIMEOUT = 1.0  # seconds
LAST_OUTPUT = 8 * 1024  # bytes; masking more each second would slow down a slow start
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_IDLE = 0.2  # of one core
# Seconds that another port must have been open before anything is sent there. A listener on a port that the system chose may be for one
# of the backend's own processes, and would take our request for that one: debugpy's, a kernel's, a language server's.
_OPEN_FOR = 0.9  # in two looks in a row
_OPEN_FOR_ITSELF = 5.0
_MAX_ASKED = 16  # ports at once, each with a descriptor of ours
# Answers that only a run that accepted the connection can give, whatever they say.
_TAKEN = frozenset({"status", "redirected", "malformed", "too_large", "hang_up"})


class RunWatch(Struct, eq=False):
    """Base class of what watches one run."""

    _run: int
    _supervisor: Supervisor
    _client: BackendClient
    _settings: Settings
    _look: ListenerLook
    _notifications: Notifications | None


class Readiness(RunWatch, eq=False):
    """Waits until a run is ready."""

    given: int | None = None  # the port that the run was given; None if it chooses one
    _open_since: dict[int, float] = {}
    _path: str = ""
    _is_limited: bool = False  # it limits our requests, so it is ready sooner with fewer of them
    _foreign: bool = False
    _first_foreign: float = math.inf  # when another program was first seen on a port that the backend printed
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _started: float = 0.0
    _worked: tuple[float, float] | None = None  # when that was looked at, and the seconds that its tree had worked

    def __post_init__(self) -> None:
        self._started = self._loop.time()
        backend = self._settings.backend
        current = self._supervisor.run  # with "reported", its port is one that it has printed already
        self.given = current.port if current is not None and backend.port != "reported" else None
        # An open port proves nothing for a run that got the passed socket, or for one that reports itself when it is ready.
        self._path = backend.live_path or ("/" if backend.socket == "pass" and self._notifications is None else "")

    async def wait(self) -> bool:
        """Returns True when the run is ready, False (and posts it) if another program answers. The supervisor keeps the deadline."""
        reported = self._started
        self._progress("Waiting for the port to open")
        authentic = False
        while True:
            now = self._loop.time()
            if now - reported >= _PROGRESS_INTERVAL:
                reported = now
                awaited = "the first good answer" if authentic else "the port to open"
                try:
                    self._progress(self._what_is_missing(awaited))
                except (OSError, ImportError):  # out of descriptors to look or to import with
                    self._progress(f"Waiting for {awaited}")
                if await self._adopt_other_port():
                    authentic = False
            delay = next_port_check_delay(now - self._started)
            port = self._port()
            if port is not None and (authentic or self._look.is_listening(port)):
                authentic = authentic or await self._is_own(port)
                if self._foreign:
                    return False
                if authentic and await self._says_ready():
                    return True
                interval = self._settings.timeouts.health_interval
                delay = interval if self._is_limited else next_probe_delay(now - self._started, interval)
            await self._unless_notified(asyncio.sleep(delay))

    def _what_is_missing(self, awaited: str) -> str:
        """Returns what is awaited and, if known, what is wrong. A backend that listens nowhere may only be slow."""
        from ..core.last_line import quote_last  # not needed by a quick start

        if self._notifications is not None and (status := self._notifications.status):
            return status
        run, output = self._supervisor.run, self._supervisor.launcher.last_output(LAST_OUTPUT)
        looked = structs.replace(run, **run.seen_now(), output=output) if run is not None else None
        listening = looked.listening if looked is not None else None
        seen, remedy = "", ""
        cause = what_it_says(output, run.port) if run is not None and listening == () else None
        if looked is not None and (
            looked.last_answer
            or looked.obstacle
            or (looked.unix_socket and cause is None)
            or (listening and looked.port not in self._look.ports())
            or (listening == () and (lifetime_events(self._settings.profile, output) or says_unix_socket(output)))
        ):
            seen, remedy = what_is_missing(looked, self._settings)
        elif listening == ():
            seen = "none of its processes listens on a port yet"
            remedy = f"{cause.cause} {cause.remedy}" if cause is not None else ""
        said = quote_last(output, only_errors=bool(seen and remedy))
        found = "; ".join(part for part in (seen, said) if part).rstrip(".")
        return self._supervisor.launcher.mask(
            f"Waiting for {awaited}{f': {found}.' if found else ''} {remedy}".rstrip()
        )

    async def _adopt_other_port(self) -> bool:
        """Accepts another port than the given one if the run clearly listens there, and has for a while."""
        backend, run = self._settings.backend, self._supervisor.run
        if backend.port not in {"auto", "reported"} or backend.socket == "pass" or not backend.managed or run is None:
            return False
        ports = self._look.ports()
        printed = self._supervisor.launcher.printed_port(ports)
        now = self._loop.time()
        self._open_since = {port: self._open_since.get(port, now) for port in ports}
        if self.given is None:
            other = run.port if run.port in ports else printed
        elif self.given in ports:
            other = self.given  # it came after all
        else:
            in_command = any("{port}" in word for word in backend.command)
            ports -= other_protocols(self._supervisor.launcher.last_output(LAST_OUTPUT), backend.command)
            inner = {port for port in ports - {printed} if port >= CHOSEN_BY_SYSTEM}
            if any(now - self._open_since[port] < _OPEN_FOR for port in ports - inner):
                return False
            ports -= {port for port in inner if now - self._open_since[port] < _OPEN_FOR_ITSELF}
            if printed is None and 1 < len(ports) <= _MAX_ASKED and not in_command:  # only the server answers
                answers = await asyncio.gather(*(probe_port(port, "/", _ASK_TIMEOUT) for port in ports))
                replied = [one for one in zip(ports, answers, strict=True) if one[1].status not in {None, DEBUGGER}]
                ports = {port for port, answer in replied if answer.ok} or {port for port, _ in replied}
            other = other_port(ports, self.given, printed, in_command=in_command)
        if other is None or other == run.port or now - self._open_since[other] < _OPEN_FOR:
            return False
        if other != self.given and not await self._may_serve(other, is_printed=other == printed):
            return False
        if self.given is None:
            matched = "did not match" if run.port is None else f"did not find: it found {run.port} before"
            log.warning(
                f"The backend listens on port {other}, which it printed but backend.reported_pattern {matched};"
                f" {other} is used. Correct the pattern."
            )
        else:
            log.warning(
                f"The backend listens on port {other} instead of {self.given}, the port it was given; {other} is used."
                f" Pass it the port: {how_to_pass_port(self._settings, [other])}."
            )
        self._supervisor.post(e.PortReported(self._run, other))
        return True

    async def _may_serve(self, port: int, *, is_printed: bool) -> bool:
        """Whether the port is not for a database or metrics, which a server may open before the given port. Any will do if that never opens."""
        if self._loop.time() >= self._started + self._settings.timeouts.startup / 2:
            return True
        root = await probe_port(port, "/", _ASK_TIMEOUT)
        if root.status is None or (
            root.status == DEBUGGER and (await probe_port(port, DEBUGGER_PATH, _ASK_TIMEOUT)).ok
        ):
            return is_printed
        if is_metrics(root.body if root.ok else (await probe_port(port, "/metrics", _ASK_TIMEOUT)).body):
            return False
        # Without a page it may be a log server of a manager (Airflow's) whose main server still loads.
        return root.status != _NOT_FOUND or not self._is_busy()

    def _is_busy(self) -> bool:
        """Whether the run's tree has worked since the last look. Its first look and an ended process count as work."""
        run, now, before = self._supervisor.run, self._loop.time(), self._worked
        if run is None:
            return False
        self._worked = now, run.time_worked()
        if before is None:
            return True
        worked = self._worked[1] - before[1]
        return not 0 <= worked < _IDLE * (now - before[0])

    def _port(self) -> int | None:
        run = self._supervisor.run
        port = run.port if run is not None else None
        if port is None:
            unfinished = self._supervisor.launcher.unfinished_port
            if unfinished is not None and self._look.owns(unfinished):
                self._supervisor.post(e.PortReported(self._run, unfinished))
                return unfinished
        return port

    async def _is_own(self, port: int) -> bool:
        """Whether the open port is the run's; also False if it has closed again in the meantime."""
        verdict, owner = await self._look.at(port)
        if verdict == "foreign":
            self._first_foreign = min(self._first_foreign, self._loop.time())
            if self.given is None and self._loop.time() < self._first_foreign + self._settings.timeouts.startup / 2:
                return False  # it printed the address of another server first; its own may follow
            self._foreign = True
            self._supervisor.post(e.Foreign(self._run, owner))
        elif verdict != "closed":
            self._supervisor.post(e.Listener(self._run, verdict, owner))
        return verdict in {"own", "unknown"}

    def _progress(self, message: str) -> None:
        self._supervisor.post(e.Progress(self._run, "waiting", self._loop.time() - self._started, message))

    async def _says_ready(self) -> bool:
        if self._is_notified:
            return True
        if not self._path:
            return self._notifications is None
        limit = self._settings.health.probe_timeout
        result = await self._unless_notified(probe(self._client, self._path, limit))
        if result is None or result.ok or (not self._settings.backend.live_path and result.kind in _TAKEN):
            return True
        self._is_limited = result.status == _TOO_MANY_REQUESTS
        self._supervisor.post(e.Unready(self._run, result))
        return False

    @property
    def _is_notified(self) -> bool:
        return self._notifications is not None and self._notifications.ready.is_set()

    async def _unless_notified(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Returns the result of ``work``, or None as soon as the run has sent READY=1."""
        if self._notifications is None:
            return await work
        tasks = asyncio.ensure_future(work), asyncio.ensure_future(self._notifications.ready.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return None if self._is_notified else tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
