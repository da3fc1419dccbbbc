"""The shape of every message and payload, as the protocol page gives them.

Field names are snake case here and camel case on the wire. Times are ISO 8601 UTC strings, durations seconds,
``response_time`` milliseconds. Unknown keys are ignored when reading.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

StateName = Literal["STOPPED", "STARTING", "RUNNING", "STOPPING", "BACKOFF", "FAILED"]
HealthName = Literal["unknown", "healthy", "unhealthy"]


class Wire(Struct, frozen=True, rename="camel"):
    """Base of everything that crosses the wire."""


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
    """Gives up a request in flight."""

    id: int


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
    """A notification; ``dropped`` numbers of its channel just before ``seq`` were never sent."""

    channel: str
    payload: Any
    seq: int
    dropped: int | UnsetType = UNSET


# Results ----------------------------------------------------------------------------------------------------------


class Success(Wire, frozen=True):
    """It was done."""

    success: bool


class ForcedProcess(Wire, frozen=True):
    """A process that did not end in time; ``name`` is empty where the system does not report it."""

    pid: int
    name: str


class Stopped(Wire, frozen=True):
    """Nothing of the backend is left. ``forced``: what had to be killed; absent where everything ended by itself."""

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
    """The answer of the health endpoint: ``data`` when healthy, ``error`` when not. Without an endpoint: whether it listens."""

    status: Literal["healthy", "unhealthy"]
    data: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class PingResult(Wire, frozen=True):
    """Whether the liveness endpoint answered; ``response_time`` in milliseconds. Without an endpoint: whether it listens, without a time."""

    success: bool
    response_time: float | UnsetType = UNSET
    error: str | UnsetType = UNSET


class LastExit(Wire, frozen=True):
    """How the last run ended; code and signal are null where they are not known."""

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
    """What is enforced of ``sandbox.level``, by what (as in "Landlock ABI 7", empty: nothing), and what is not."""

    level: Literal["standard", "strict"]
    mechanism: str
    enforced: list[str]
    missing: list[MissingProtection]


class Status(Wire, frozen=True):
    """Facts, never a remembered flag. ``uptime`` is null unless RUNNING; ``sandbox`` is absent where its level is off.

    ``command`` and ``folder``: what the newest run executes, secrets masked, and where; absent before the first.
    ``waiting_connections``: those that no run has taken so far; null where the system does not say. Absent unless
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
    """Where the backend is, or will be."""

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
    """Facts about the app."""

    mode: str
    is_packaged: bool
    version: str


class BootstrapOs(Wire, frozen=True):
    """Facts about the machine, in Node's words (``win32``, ``x64``)."""

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
    """What a preload reads once, before the page runs."""

    backend: BootstrapBackend
    environment: BootstrapEnvironment
    os: BootstrapOs
    paths: BootstrapPaths


class SidecarInfo(Wire, frozen=True):
    """Versions, the settings in force (secrets masked) and what the sidecar itself costs."""

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
    """Every event name that is subscribed now."""

    subscribed: list[str]


class FirewallCheck(Wire, frozen=True):
    """Whether anything, the firewall included, stands between the app and its backend."""

    compatible: bool
    message: str
    recommendation: str | UnsetType = UNSET


class FirewallRule(Wire, frozen=True):
    """Whether a rule for the backend exists; ``exists`` is null where that cannot be known."""

    exists: bool | None
    details: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class CreatedFirewallRule(Wire, frozen=True):
    """What came of creating the rule; ``replaced`` lists the rules that were, or would be, deleted for it."""

    created: bool
    exists: bool | None
    details: str
    replaced: list[str]
