"""Types of the backend's states, starts, output, crashes, resources and diagnosis."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .messages import ExposedSocket, ForcedProcess, StateName, Wire

_OfRun = Literal["requested", "autostart", "ready", "exited", "crashed", "startup_timeout", "hung"]
Reason = Literal[_OfRun, "port_retry", "port_changed", "restarts_exhausted", "shutdown"]
Phase = Literal["spawning", "waiting", "ready", "failed"]


class StateChanged(Wire, frozen=True):
    """The lifecycle state changed. ``forced``: processes that the stop had to kill; absent if there were none."""

    state: StateName
    previous: StateName
    reason: Reason
    pid: int | None
    port: int | None
    url: str | None
    time: str
    forced: list[ForcedProcess] | UnsetType = UNSET


class StartupProgress(Wire, frozen=True):
    """Progress of a start. ``elapsed``: seconds since it began; ``limit``: the number of seconds after which it counts as failed.

    ``limit`` is null if the backend is only watched. ``message``: what the start waits for, and what is wrong once that is known.
    """

    phase: Phase
    elapsed: float
    message: str
    limit: float | None = None


class Crash(Wire, frozen=True):
    """Summary of an unexpected exit of a run. ``kind``: a stable name of the cause; ``fingerprint``: the same for the same crash on every machine."""

    name: str
    time: str
    run: int
    code: int | None
    signal: int | None
    text: str
    cause: str | None
    remedy: str | None
    attempt: int
    attempts: int
    next_start_in: float | None
    final: bool
    kind: str | UnsetType = UNSET
    fingerprint: str | UnsetType = UNSET


class Exposed(Wire, frozen=True):
    """The backend listens beyond loopback."""

    sockets: list[ExposedSocket]


class LogLine(Wire, frozen=True):
    """One line of the backend's output without control sequences. A line that overwrites itself (a progress bar) is sent as it changes."""

    time: str
    stream: Literal["stdout", "stderr"]
    text: str


class ResourceSample(Wire, frozen=True):
    """What the backend's process tree uses: ``cpu`` in % of one core since the previous sample, ``memory`` in resident bytes."""

    time: str
    cpu: float
    memory: int
    processes: int
    threads: int


class ResourceAlert(Wire, frozen=True):
    """Usage has been above a limit for the hold time (``active``), or below it again."""

    metric: Literal["cpu", "memory"]
    value: float
    limit: float
    active: bool


class CrashReport(Crash, frozen=True, kw_only=True):
    """A crash with its complete report as readable text."""

    report: str


class Check(Wire, frozen=True):
    """One check: the finding (``message``), what to do about it, and the evidence."""

    check: str
    status: Literal["ok", "warning", "failed", "unknown"]
    message: str
    remedy: str | UnsetType = UNSET
    evidence: str | UnsetType = UNSET
