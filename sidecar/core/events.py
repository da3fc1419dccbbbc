"""What can happen to the lifecycle. Facts have the number of their run; times are of one clock."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from ..errors import SidecarError
from .exit_status import ExitStatus


class State(StrEnum):
    """The state of the backend; what is wanted is kept apart from it."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    BACKOFF = "BACKOFF"
    FAILED = "FAILED"


class Reason(StrEnum):
    """Why the state changed, in the protocol's words."""

    REQUESTED = "requested"
    AUTOSTART = "autostart"
    READY = "ready"
    EXITED = "exited"
    CRASHED = "crashed"
    STARTUP_TIMEOUT = "startup_timeout"
    HUNG = "hung"
    PORT_RETRY = "port_retry"
    PORT_CHANGED = "port_changed"
    RESTARTS_EXHAUSTED = "restarts_exhausted"
    SHUTDOWN = "shutdown"


class Timer(StrEnum):
    """The deadlines of the lifecycle."""

    STARTUP = "startup"
    LADDER = "ladder"
    BACKOFF = "backoff"


class Outcome(StrEnum):
    """How a caller's wait ends."""

    DONE = "done"
    CANCELLED = "cancelled"
    SHUTTING_DOWN = "shutting_down"
    EXITED = "exited"
    STARTUP_TIMEOUT = "startup_timeout"
    LAUNCH_FAILED = "launch_failed"
    FOREIGN = "foreign"
    RESTARTS_EXHAUSTED = "restarts_exhausted"
    STOP_FAILED = "stop_failed"


class Conflict(StrEnum):
    """Why a run that died before it was ready could not have its port."""

    IN_USE = "in_use"
    LINGERING = "lingering"
    FORBIDDEN = "forbidden"
    PASSED = "passed"  # the sidecar holds it for the run, which did not use the socket that it was handed


Socket = tuple[str, int, int | None, bool, bool]
"""A listening socket: address, port, owner's pid, whether it takes IPv6 alone, whether it shares the port; process.base.ListeningSocket is one."""


class OfRun(Struct, frozen=True):
    """Base of what is about one run, by its number."""

    run: int


# Events: commands ---------------------------------------------------------------------------------------------------


class Start(Struct, frozen=True):
    """The backend is wanted up."""

    reason: Reason = Reason.REQUESTED


class Restart(Struct, frozen=True):
    """A new run is wanted."""


class Stop(Struct, frozen=True):
    """The backend is wanted down."""


class Shutdown(Struct, frozen=True):
    """The sidecar is about to end; ``owner_lost`` when no client is left to wait for it."""

    owner_lost: bool = False


# Events: facts ------------------------------------------------------------------------------------------------------


class Launched(OfRun, frozen=True):
    """The run's program was executed."""


class LaunchFailed(OfRun, frozen=True):
    """The run never came to be. ``permanent``: trying again would fail again (no such file)."""

    error: SidecarError
    permanent: bool


class Waiting(OfRun, frozen=True):
    """The launch waits for another sidecar to end, or for its port, for at most ``seconds``; 0: the wait is over, and the start begins."""

    seconds: float


class PortReported(OfRun, frozen=True):
    """The run printed the port that it listens on."""

    port: int


class Progress(OfRun, frozen=True):
    """How far a start has come; ``elapsed`` in seconds."""

    phase: Literal["spawning", "waiting", "ready"]
    elapsed: float
    message: str


class Listener(OfRun, frozen=True):
    """Whose socket is on the run's port; ``owner``: that socket, where known."""

    verdict: Literal["own", "foreign", "unknown"]
    owner: Socket | None = None


class Unready(OfRun, frozen=True):
    """The run listens, and its live endpoint gave no good answer; ``answer`` is for the explanation alone."""

    answer: Any


class Ready(OfRun, frozen=True):
    """The run answers on its port."""


class Foreign(OfRun, frozen=True):
    """Another program, ``owner`` where known, listens on the port of a run that is not ready."""

    owner: Socket | None = None


class SocketUnused(OfRun, frozen=True):
    """The run will never take a connection from the socket that it was handed; ``listening``: where it listens instead."""

    closed: bool = False
    listening: tuple[Socket, ...] = ()


class ExtendTimeout(OfRun, frozen=True):
    """The run asks for so many seconds from now, for its start or for its stop."""

    seconds: float


class Health(OfRun, frozen=True):
    """The run's health is known, or changed; ``body`` of the good answer, ``error`` of the bad one."""

    healthy: bool
    body: Any = None
    error: str = ""


class Hung(OfRun, frozen=True):
    """The run is alive and has answered nothing for too long; ``why`` where its watchdog says so, ``lost``: what became of its port."""

    why: str = ""
    lost: str = ""


class Providers(OfRun, frozen=True):
    """The body of the provider endpoint, when it changed in more than its volatile keys."""

    body: Any


class Exposed(OfRun, frozen=True):
    """The sockets of the run's tree that other machines can reach, when they changed."""

    sockets: tuple[Socket, ...]


class MemoryExceeded(OfRun, frozen=True):
    """The run's tree uses more memory than it may; ``used`` in bytes."""

    used: int


class ShutdownRequestFailed(OfRun, frozen=True):
    """The backend did not accept the request to shut down; waiting for it is useless."""


class Exited(OfRun, frozen=True):
    """The root process ended."""

    status: ExitStatus


class Gone(OfRun, frozen=True):
    """The tree ended and its output is drained. ``conflict``: why the run could not have its port, if it died of that."""

    survivors: int = 0
    conflict: Conflict | None = None


class Expired(OfRun, frozen=True):
    """A deadline passed."""

    timer: Timer


Event = (
    Start | Restart | Stop | Shutdown | Waiting | Launched | LaunchFailed | PortReported | Progress | Listener | Unready | Ready
    | Foreign | SocketUnused | ExtendTimeout | Health | Hung | Providers | Exposed | MemoryExceeded | ShutdownRequestFailed | Exited | Gone | Expired
)  # fmt: skip
