"""The types of all messages and payloads, as the protocol page lists them.

Field names are snake case here and camel case on the wire. Times are ISO 8601 UTC strings, durations seconds,
``response_time`` milliseconds. Unknown keys are ignored when reading.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_ID = 2**53 - 1  # the largest integer that every client can hold exactly (ECMA-262, Number.MAX_SAFE_INTEGER)
Id = Annotated[int, Meta(ge=0, le=MAX_ID)]

StateName = Literal["STOPPED", "STARTING", "RUNNING", "STOPPING", "BACKOFF", "FAILED"]
HealthName = Literal["unknown", "healthy", "unhealthy"]


class Wire(Struct, frozen=True, rename="camel"):
    """Base class of all messages and payloads."""


# Messages ---------------------------------------------------------------------------------------------------------


class Hello(Wire, frozen=True, tag_field="type", tag="hello"):
    """The sidecar's first frame."""

    protocol: int
    sidecar: str
    channels: list[str]
    events: list[str]
    pid: int
    max_frame: int
    max_in_flight: int


class Cancel(Wire, frozen=True, tag_field="type", tag="cancel"):
    """Cancels a request in flight."""

    id: Id


class Response(Wire, frozen=True, tag_field="type", tag="response"):
    """The result of a request."""

    id: int
    result: Any


class ErrorBody(Wire, frozen=True):
    """What went wrong."""

    code: str
    message: str
    hint: str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET


class ErrorMessage(Wire, frozen=True, tag_field="type", tag="error"):
    """The failure of a request, or (id null) of the stream or the configuration."""

    id: int | None
    error: ErrorBody


class EventMessage(Wire, frozen=True, tag_field="type", tag="event"):
    """An event. ``dropped``: how many events of its channel just before it were not sent."""

    channel: str
    payload: Any
    seq: int
    dropped: int | UnsetType = UNSET


# Results ----------------------------------------------------------------------------------------------------------


class Success(Wire, frozen=True):
    """The request was carried out."""

    success: bool


class ForcedProcess(Wire, frozen=True):
    """A process that did not exit in time; ``name`` is empty if the system does not report it."""

    pid: int
    name: str


class Stopped(Wire, frozen=True):
    """The whole process tree is gone. ``forced``: processes that had to be killed; absent if there were none."""

    success: bool
    forced: list[ForcedProcess] | UnsetType = UNSET


class Started(Wire, frozen=True):
    """The run is ready."""

    success: bool
    url: str
    port: int
    pid: int | None


class Restarted(Wire, frozen=True):
    """The new run is ready."""

    success: bool
    url: str


class HealthResult(Wire, frozen=True):
    """The answer of the health endpoint: ``data`` when healthy, ``error`` when not. Without an endpoint: whether the backend listens."""

    status: Literal["healthy", "unhealthy"]
    data: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class PingResult(Wire, frozen=True):
    """Whether the liveness endpoint answered, and in how many milliseconds. Without an endpoint: whether the backend listens, without a time."""

    success: bool
    response_time: float | UnsetType = UNSET
    error: str | UnsetType = UNSET


class LastExit(Wire, frozen=True):
    """How the last run ended; code and signal are null if unknown."""

    code: int | None
    signal: int | None
    text: str
    time: str
    expected: bool


class ExposedSocket(Wire, frozen=True):
    """A listening socket of the backend's tree that is reachable from other machines."""

    address: str
    port: int
    pid: int | None


class MissingProtection(Wire, frozen=True):
    """A protection of the sandbox that this system does not enforce."""

    name: str
    reason: str


class SandboxStatus(Wire, frozen=True):
    """What the system enforces of ``sandbox.level``, what it does not, and the mechanism ("Landlock ABI 7"; empty if none)."""

    level: Literal["standard", "strict"]
    mechanism: str
    enforced: list[str]
    missing: list[MissingProtection]


class Status(Wire, frozen=True):
    """The actual state. ``running``: its process exists, ready or not. ``uptime`` is null unless RUNNING; ``sandbox`` is absent if its level is off.

    ``command`` (secrets masked) and ``folder``: what the latest run executes, and where; absent before the first run.
    ``waitingConnections``: connections that no run has accepted yet; null if the system does not report them, absent unless
    ``backend.socket`` is ``pass``.
    """

    running: bool
    port: int | None
    url: str | None
    state: StateName
    pid: int | None
    health: HealthName
    since: str
    uptime: float | None
    restarts: int
    last_exit: LastExit | None
    managed: bool
    listener: Literal["own", "foreign", "unknown"]
    exposed: list[ExposedSocket]
    shared_data_folder: bool
    sandbox: SandboxStatus | UnsetType = UNSET
    waiting_connections: int | UnsetType | None = UNSET
    command: list[str] | UnsetType = UNSET
    folder: str | UnsetType = UNSET


class BootstrapBackend(Wire, frozen=True):
    """The backend's address, also before it is ready."""

    base_url: str | None
    port: int | None
    protocol: str
    managed_by_electron: bool
    health_endpoint: str
    readiness_endpoint: str
    sse_job_events_template: str
    pid: int | None
    ready: bool


class BootstrapEnvironment(Wire, frozen=True):
    """About the app."""

    mode: str
    is_packaged: bool
    version: str


class BootstrapOs(Wire, frozen=True):
    """About the machine, in Node's terms (``win32``, ``x64``)."""

    platform: str
    release: str
    arch: str
    hostname: str


class BootstrapPaths(Wire, frozen=True):
    """Folders."""

    user_data: str
    temp: str
    logs: str


class Bootstrap(Wire, frozen=True):
    """What a preload reads before the page runs."""

    backend: BootstrapBackend
    environment: BootstrapEnvironment
    os: BootstrapOs
    paths: BootstrapPaths


class SidecarInfo(Wire, frozen=True):
    """Versions, current settings (secrets masked), and the sidecar's own memory and CPU time."""

    version: str
    protocol: int
    python: str
    platform: str
    pid: int
    uptime: float
    cpu_seconds: float
    memory: int
    packages: dict[str, str]
    settings: dict[str, Any]
    warnings: list[str]


class Subscribed(Wire, frozen=True):
    """All events that are now subscribed."""

    subscribed: list[str]


class FirewallCheck(Wire, frozen=True):
    """Whether anything, such as the firewall, blocks the connection between app and backend."""

    compatible: bool
    message: str
    recommendation: str | UnsetType = UNSET


class FirewallRule(Wire, frozen=True):
    """Whether a rule for the backend exists; ``exists`` is null if unknown."""

    exists: bool | None
    details: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class CreatedFirewallRule(Wire, frozen=True):
    """The result of creating the rule; ``replaced`` lists the rules that were, or would be, deleted for it."""

    created: bool
    exists: bool | None
    details: str
    replaced: list[str]
