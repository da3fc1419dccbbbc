"""What can happen to the lifecycle. Facts have the number of their run; all times are from one clock."""

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from ..errors import SidecarError
from .exit_status import ExitStatus


class State(StrEnum):
    """The actual state of the backend; the desired state is separate."""

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
    """Why a run that died before it was ready could not get its port."""

    IN_USE = "in_use"
    LINGERING = "lingering"
    FORBIDDEN = "forbidden"
    PASSED = "passed"  # the sidecar holds it, and the run did not use the socket that was passed to it


Socket = tuple[str, int, int | None, bool, bool]
"""A listening socket: address, port, owner's pid, whether it accepts only IPv6, whether it shares the port; see process.base.ListeningSocket."""


class OfRun(Struct, frozen=True):
    """Base class of events and actions about one run, by its number."""

    run: int


# Events: commands ---------------------------------------------------------------------------------------------------


class Start(Struct, frozen=True):
    """The backend should be up."""

    reason: Reason = Reason.REQUESTED


class Restart(Struct, frozen=True):
    """A new run should replace the current one."""


class Stop(Struct, frozen=True):
    """The backend should be down."""


class Shutdown(Struct, frozen=True):
    """The sidecar is about to end; ``owner_lost`` when no client is left to wait for it."""

    owner_lost: bool = False


# Events: facts ------------------------------------------------------------------------------------------------------


class Launched(OfRun, frozen=True):
    """The run's program was executed."""


class LaunchFailed(OfRun, frozen=True):
    """The run could not be launched. ``permanent``: trying again would fail again (no such file)."""

    error: SidecarError
    permanent: bool


class Waiting(OfRun, frozen=True):
    """The launch waits at most ``seconds`` for another sidecar to exit, or for its port; 0: the wait is over, and the start begins."""

    seconds: float


class PortReported(OfRun, frozen=True):
    """The run printed the port that it listens on."""

    port: int


class Progress(OfRun, frozen=True):
    """The progress of a start; ``elapsed`` in seconds."""

    phase: Literal["spawning", "waiting", "ready"]
    elapsed: float
    message: str


class Listener(OfRun, frozen=True):
    """Whose socket is on the run's port; ``owner``: that socket, if known."""

    verdict: Literal["own", "foreign", "unknown"]
    owner: Socket | None = None


class Unready(OfRun, frozen=True):
    """The run listens, but its live endpoint gave no good answer; ``answer`` is only for the explanation."""

    answer: Any


class Ready(OfRun, frozen=True):
    """The run answers on its port."""


class Foreign(OfRun, frozen=True):
    """Another program, ``owner`` if known, listens on the port of a run that is not ready."""

    owner: Socket | None = None


class SocketUnused(OfRun, frozen=True):
    """The run will never accept a connection from the passed socket; ``closed``: it closed it; ``listening``: where it listens instead."""

    closed: bool = False
    listening: tuple[Socket, ...] = ()


class ExtendTimeout(OfRun, frozen=True):
    """The run asks for ``seconds`` more from now, for its start or its stop."""

    seconds: float


class Health(OfRun, frozen=True):
    """The run's health was first determined, or changed; ``body``: of a good answer; ``error``: of a bad one."""

    healthy: bool
    body: Any = None
    error: str = ""


class Hung(OfRun, frozen=True):
    """The run is alive, but has not answered for too long; ``why``: what its watchdog says; ``lost``: what became of its port."""

    why: str = ""
    lost: str = ""


class Providers(OfRun, frozen=True):
    """The body of the provider endpoint changed in more than its volatile keys."""

    body: Any


class Exposed(OfRun, frozen=True):
    """The sockets of the run's tree that other machines can reach changed."""

    sockets: tuple[Socket, ...]


class MemoryExceeded(OfRun, frozen=True):
    """The run's tree exceeds its memory limit; ``used`` in bytes."""

    used: int


class ShutdownRequestFailed(OfRun, frozen=True):
    """The backend did not accept the request to shut down; waiting for it is useless."""


class Exited(OfRun, frozen=True):
    """The root process exited."""

    status: ExitStatus


class Gone(OfRun, frozen=True):
    """The tree is gone and its output is drained. ``conflict``: why the run could not get its port, if it died of that."""

    survivors: int = 0
    conflict: Conflict | None = None


class Expired(OfRun, frozen=True):
    """A deadline passed."""

    timer: Timer


Event = (
    Start | Restart | Stop | Shutdown | Waiting | Launched | LaunchFailed | PortReported | Progress | Listener | Unready | Ready
    | Foreign | SocketUnused | ExtendTimeout | Health | Hung | Providers | Exposed | MemoryExceeded | ShutdownRequestFailed | Exited | Gone | Expired
)  # fmt: skip
