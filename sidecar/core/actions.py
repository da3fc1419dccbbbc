"""What to do about an event: the lifecycle decides, and the supervisor carries it out."""

from msgspec import Struct

from ..errors import SidecarError
from .events import Exposed, Health, OfRun, Outcome, Progress, Providers, Reason, Shutdown, State, Timer
from .stop import Rung


class Prepare(OfRun, frozen=True):
    """Begin run number ``run`` with a port; ``retry``: with another port than before."""

    retry: bool


class Launch(OfRun, frozen=True):
    """Start the process of the prepared run."""


class TakeRung(OfRun, frozen=True):
    """Take a rung of the stop ladder; ``seconds`` from an interrupt to the kill."""

    rung: Rung
    seconds: float = 0.0


class Arm(Struct, frozen=True):
    """Post Expired at the time ``at``; replaces an earlier arming of the timer."""

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


class Relay(Struct, frozen=True):
    """Pass a fact on to the subscribers."""

    fact: Progress | Health | Providers | Exposed | Shutdown


class AnswerUp(Struct, frozen=True):
    """Answer every caller that waits for the backend to be up."""

    outcome: Outcome
    error: SidecarError | None = None


class AnswerDown(Struct, frozen=True):
    """Answer every caller that waits for the backend to be down."""

    outcome: Outcome


class ReportFailure(OfRun, frozen=True):
    """A run failed. Restart ``attempt`` follows in ``next_start_in`` seconds; ``final``: none follows ``attempt`` restarts."""

    reason: Reason
    attempt: int
    next_start_in: float | None
    final: bool
    error: SidecarError | None = None


class Finish(Struct, frozen=True):
    """The sidecar may exit; ``clean`` unless part of the tree survived."""

    clean: bool


Action = Prepare | Launch | TakeRung | Arm | Disarm | Announce | Relay | AnswerUp | AnswerDown | ReportFailure | Finish
