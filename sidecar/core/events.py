"""What can happen to the backend's lifecycle (events), and what is to be done about it (actions).

Facts bear the number of the run they speak of; a fact about an old run is stale and is dropped by the lifecycle.
Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ..errors import SidecarError
from .exit_status import ExitStatus


class State(StrEnum):
    """What is; what is wanted is kept apart from it."""

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
    BUDGET_SPENT = "budget_spent"
    SHUTDOWN = "shutdown"


class Timer(StrEnum):
    """The deadlines that the lifecycle keeps."""

    STARTUP = "startup"
    LADDER = "ladder"
    BACKOFF = "backoff"


class Outcome(StrEnum):
    """What the waiting callers are told."""

    DONE = "done"
    CANCELLED = "cancelled"
    SHUTTING_DOWN = "shutting_down"
    EXITED = "exited"
    STARTUP_TIMEOUT = "startup_timeout"
    LAUNCH_FAILED = "launch_failed"
    FOREIGN = "foreign"
    BUDGET_SPENT = "budget_spent"
    STOP_FAILED = "stop_failed"


class Conflict(StrEnum):
    """Why a run that died before it was ready could not have its port."""

    IN_USE = "in_use"
    FORBIDDEN = "forbidden"


# Events: wishes -----------------------------------------------------------------------------------------------------


class Start(Struct, frozen=True):
    """Somebody wants the backend up."""

    reason: Reason = Reason.REQUESTED


class Restart(Struct, frozen=True):
    """Somebody wants a new run."""


class Stop(Struct, frozen=True):
    """Somebody wants it down."""


class Shutdown(Struct, frozen=True):
    """The sidecar is to end; ``owner_lost`` when nobody is left to wait for it."""

    owner_lost: bool = False


# Events: facts ------------------------------------------------------------------------------------------------------


class Launched(Struct, frozen=True):
    """The run's program was executed."""

    run: int


class LaunchFailed(Struct, frozen=True):
    """The run never came to be. ``permanent``: trying again would fail again (no such file)."""

    run: int
    error: SidecarError
    permanent: bool


class Ready(Struct, frozen=True):
    """The run answers on its port."""

    run: int


class Health(Struct, frozen=True):
    """The run's health is known, or changed."""

    run: int
    healthy: bool


class Hung(Struct, frozen=True):
    """The run lives and has answered nothing for too long."""

    run: int


class Foreign(Struct, frozen=True):
    """A stranger listens on the port of a run that is not ready; ``retry`` when another port may be tried."""

    run: int
    retry: bool


class ShutdownRequestFailed(Struct, frozen=True):
    """The backend did not take the request to shut down; waiting for it is useless."""

    run: int


class Exited(Struct, frozen=True):
    """The root process ended."""

    run: int
    status: ExitStatus


class Gone(Struct, frozen=True):
    """The tree ended and its output is drained. ``retry``: it died for want of its port, and another may be tried."""

    run: int
    survivors: int = 0
    retry: bool = False


class Expired(Struct, frozen=True):
    """A deadline passed."""

    run: int
    timer: Timer


Event = (
    Start | Restart | Stop | Shutdown | Launched | LaunchFailed | Ready | Health | Hung | Foreign | ShutdownRequestFailed
    | Exited | Gone | Expired
)  # fmt: skip


# Actions ------------------------------------------------------------------------------------------------------------


class Launch(Struct, frozen=True):
    """Start run number ``run``."""

    run: int


class RequestShutdown(Struct, frozen=True):
    """Ask the backend's shutdown endpoint."""

    run: int


class Interrupt(Struct, frozen=True):
    """SIGTERM, on Windows CTRL_C."""

    run: int


class Kill(Struct, frozen=True):
    """Kill the whole tree."""

    run: int


class Arm(Struct, frozen=True):
    """Post Expired at the time ``at``, instead of any earlier arming of the timer."""

    timer: Timer
    at: float


class Disarm(Struct, frozen=True):
    """Forget the timer."""

    timer: Timer


class Announce(Struct, frozen=True):
    """The state changed (or a start took another port, STARTING to STARTING)."""

    state: State
    previous: State
    reason: Reason


class AnswerUp(Struct, frozen=True):
    """Everybody who waits for the backend to be up is told this."""

    outcome: Outcome
    error: SidecarError | None = None


class AnswerDown(Struct, frozen=True):
    """Everybody who waits for the backend to be down is told this."""

    outcome: Outcome


class ReportFailure(Struct, frozen=True):
    """A run failed. ``attempt`` of ``attempts`` follows in ``next_start_in`` seconds, or never (``final``)."""

    run: int
    reason: Reason
    attempt: int
    next_start_in: float | None
    final: bool
    error: SidecarError | None = None


class Finish(Struct, frozen=True):
    """The sidecar may exit; ``clean`` unless part of the tree survived."""

    clean: bool


Action = (
    Launch | RequestShutdown | Interrupt | Kill | Arm | Disarm | Announce | AnswerUp | AnswerDown | ReportFailure | Finish
)  # fmt: skip
