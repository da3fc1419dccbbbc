"""What is known about one run of the backend."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from msgspec import Struct, structs

from ..backend.probe import ProbeResult
from ..core import events as e
from ..core.cause import Cause
from ..core.events import Conflict, Socket
from ..core.exit_status import ExitStatus
from ..errors import SidecarError
from ..process.base import ListeningSocket, RunningProcess, Survivor
from ..process.sockets import find_obstacle, find_unix_socket
from ..process.spec import LaunchSpec
from ..wire.messages import Started

_REACHED = frozenset({"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "*"})  # noqa: S104 - others' sockets

_MAX_PLACES = 10


class Run(Struct, frozen=True):
    """A snapshot of one run, from the choice of its port to the end of its tree. Only the supervisor replaces it."""

    number: int  # counts from 1
    port: int | None  # where it listens, or will listen; None until it reports one
    requested_at: float  # when it was requested, on the loop's clock
    ready_at: float | None = None  # when it was ready, on the loop's clock; None before
    spec: LaunchSpec | None = None  # what is executed; None before the launch
    process: RunningProcess | None = None  # None before the launch
    status: ExitStatus | None = None  # how the root exited; None while it lives
    ended_for: e.Reason | None = None  # why the sidecar stopped it; None: it did not
    ended_at: str | None = None  # when that was, ISO 8601 UTC
    lasted: float | None = None  # seconds from its request to the exit of its root; None before
    survivors: tuple[Survivor, ...] = ()  # processes of the tree that could not be killed
    forced: tuple[Survivor, ...] = ()  # processes that did not exit in time, and were killed
    conflict: Conflict | None = None  # why it could not get its port
    listener: Literal["own", "foreign", "unknown"] = "unknown"  # whose socket is on the port
    server: int | None = None  # the pid of its process that was seen listening on the port, the lowest of several
    owner: Socket | None = None  # the other program on the port, if known
    owner_name: str = ""
    exposed: tuple[Socket, ...] = ()  # listening sockets of its tree that other machines can reach
    healthy: bool | None = None  # the result of its health checks; None before the first
    unhealthy: str = ""  # what the last check found wrong
    output: str = ""  # its last output, secrets masked; see with_output
    before_ready: bytes = b""  # the end of its output when it was ready
    since_ready: str | None = None  # the part of ``output`` after that; None: never ready, or no signal ended it
    error: SidecarError | None = None  # why the launch or the stop failed
    last_answer: ProbeResult | None = None  # the last failed request to its live endpoint; None: none was sent
    listening: tuple[ListeningSocket, ...] | None = None  # where its tree listened at the timeout; None: unknown
    unix_socket: str = ""  # the Unix socket on which it listened instead at that time; empty: none
    worked: float = 0.0  # seconds of processor time that its tree had used at that time
    obstacle: Cause | None = None  # what kept it from serving, as part of a sentence
    closed_socket: bool = False  # it closed the passed socket
    instead: tuple[Socket, ...] = ()  # where it listened instead of on the passed socket
    hung: str = ""  # what its watchdog reported; empty: its health checks found it hung
    lost: str = ""  # why it could not be reached on its port when it was found hung
    oom: bool | None = None  # whether memory ran out, and the kernel killed it or one of its processes; None: unknown
    over_memory: int | None = None  # bytes that its tree used when it was killed for exceeding its limit

    @property
    def url(self) -> str | None:
        return f"http://127.0.0.1:{self.port}" if self.port is not None else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.status is None

    @property
    def oom_killed(self) -> bool:
        """Whether its root was killed because memory ran out."""
        return bool(self.oom) and self.status is not None and self.status.kind == "killed"

    @property
    def pid(self) -> int | None:
        """The root's pid while it runs; None also if the process is not ours and cannot be identified."""
        return self.process.identity.pid or None if self.process is not None and self.status is None else None

    @property
    def owner_pid(self) -> int | None:
        return self.owner[2] if self.owner is not None else None

    @property
    def owner_text(self) -> str:
        return f"{self.owner_name or 'another program'} (pid {self.owner_pid})" if self.owner_pid else "another program"

    @property
    def owner_data(self) -> dict[str, Any] | None:
        return {"pid": self.owner_pid, "name": self.owner_name} if self.owner_pid else None

    def started(self) -> Started:
        return Started(success=True, url=self.url or "", port=self.port or 0, pid=self.pid)

    def listeners(self) -> list[ListeningSocket] | None:
        """Returns where its tree listens now; None if the system does not say."""
        return self.process.listeners() if self.process is not None else None

    def obstacle_now(self) -> Cause | None:
        """Returns what keeps its tree from serving, as part of a sentence; None: nothing is seen."""
        return find_obstacle(self._pids(), self.port)

    def seen_now(self) -> dict[str, Any]:
        """Inspects the tree of a run that does not become ready; returns fields of this class."""
        listening = self.listeners()
        return {
            "listening": None if listening is None else tuple(listening),
            "unix_socket": find_unix_socket(self._pids()) if listening == [] else "",
            "obstacle": self.obstacle_now(),
        }

    def time_worked(self) -> float:
        """Returns the seconds of processor time that the living processes of its tree have used."""
        from ..process.platform.usage import create_reader  # a successful start never needs it

        reader = create_reader()
        tree = self.process.processes() if self.process is not None else []
        return sum(usage.cpu_seconds for one in tree if (usage := reader.read(*one)) is not None)

    def _pids(self) -> list[int]:
        return [identity.pid for identity in self.process.processes()] if self.process is not None else []


def changed_fields(event: e.Event) -> dict[str, Any]:  # noqa: PLR0911 - a table of events, one return a row
    match event:
        case e.PortReported(port=port):
            return {"port": port}
        case e.Listener(verdict="own", owner=own):
            return {"listener": "own", "owner": None, "server": own[2] if own is not None else None}
        case e.Listener(verdict=verdict, owner=owner):
            return {"listener": verdict, "owner": owner}
        case e.Foreign(owner=owner):
            return {"listener": "foreign", "owner": owner}
        case e.Unready(answer=answer):
            return {"last_answer": answer}
        case e.SocketUnused(closed=closed, listening=sockets):
            return {"conflict": Conflict.PASSED, "closed_socket": closed, "instead": sockets}
        case e.Hung(why=why, lost=lost):
            return {"hung": why, "lost": lost}
        case e.Health(healthy=healthy, error=error):
            return {"healthy": healthy, "unhealthy": error}
        case e.Exposed(sockets=sockets):
            return {"exposed": sockets}
        case e.MemoryExceeded(used=used):
            return {"over_memory": used}
    return {}


def with_output(run: Run, last_output: Callable[..., str]) -> Run:
    """Returns the newest run with its last output. Masking 64 KiB takes about 20 ms, so it is done only to explain an end.

    What it printed since it was ready is masked apart, and only after a signal, where it tells an error that the run had survived.
    """
    if run.output or run.process is None:
        return run
    try:
        by_signal = run.status is not None and run.status.signal is not None
        since = last_output(after=run.before_ready) if by_signal and run.ready_at is not None else None
        return structs.replace(run, output=last_output(), since_ready=since)
    except (OSError, ImportError):  # out of descriptors to import the masking; the end is reported anyway
        return run


def is_reached(socket: ListeningSocket) -> bool:
    """Whether a connection to 127.0.0.1 reaches the socket. On [::1], or on [::] for IPv6 only, it leaves 127.0.0.1 to any program."""
    # The sidecar does not use [::1]: the page's Content-Security-Policy cannot allow it, because a host in it cannot be an IPv6 address (CSP3, 2.3.1).
    return socket.address in _REACHED and not socket.only_ipv6


def names_of(processes: Iterable[Survivor]) -> str:
    return ", ".join(f"{process.name} ({process.pid})" for process in processes)


def places_of(sockets: Iterable[Socket]) -> str:
    """Lists where sockets listen, for a sentence; only the first if there are many."""
    places = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port, *_ in sockets]
    more = len(places) - _MAX_PLACES
    return ", ".join(places[:_MAX_PLACES]) + (f" and {more} more" if more > 0 else "")
