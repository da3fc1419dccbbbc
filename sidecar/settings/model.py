"""The settings, their units and their defaults, as frozen Structs.

Every number here is a promise to users; its source stands beside it. Durations are seconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=86_400)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Backend(Struct, frozen=True, forbid_unknown_fields=True):
    """What is run, where it listens, and which of its endpoints mean what (empty path: it has none)."""

    command: tuple[str, ...] = ()
    cwd: str = ""  # empty: the executable's folder (ASP.NET's content root is the working directory)
    env: dict[str, str] = {}
    port: Literal["auto", "reported"] | Port = "auto"
    host: Literal["127.0.0.1"] = (
        "127.0.0.1"  # loopback only: any other address prompts the firewall and exposes the user
    )
    autostart: bool = True
    managed: bool = True
    url: str = ""  # of a backend that is not managed
    live_path: str = ""
    health_path: str = ""
    ready_path: str = ""
    shutdown_path: str = ""
    info_path: str = ""
    version_path: str = ""
    providers_path: str = ""
    ffmpeg_path: str = ""
    events_path: str = ""
    volatile_keys: tuple[
        str, ...
    ] = ()  # keys of the provider body that change at every call and are no change of status
    reported_pattern: str = (
        r"Now listening on: (http://\S+)"  # how the backend prints its address when port = "reported"
    )


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults are those that users of the Aura shell know; owner_lost keeps the 2 s promise of the no-orphan guarantee."""

    startup: PositiveSeconds = 60.0
    health_interval: PositiveSeconds = 1.0
    restart_delay: Seconds = 5.0
    shutdown_request: Seconds = 2.0
    graceful_shutdown: Seconds = 10.0
    force_kill: PositiveSeconds = 5.0
    total_shutdown: PositiveSeconds = 27.0
    owner_lost: Seconds = 1.5


class Restart(Struct, frozen=True, forbid_unknown_fields=True):
    """The automatic restart budget."""

    attempts: Count = 3
    window: Seconds = 600.0  # healthy running time after which a failure is forgiven
    first_delay: Seconds = 0.0
    backoff: Annotated[float, Meta(ge=1, le=100)] = 1.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.0  # fraction of the delay that is added at random
    on_clean_exit: bool = True


class Health(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the backend is asked, and how many answers make a verdict."""

    probe_timeout: PositiveSeconds = 2.0
    provider_interval: PositiveSeconds = 30.0
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    successes: Annotated[int, Meta(ge=1, le=1000)] = 1
    restart_when_hung: bool = False


class App(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about the Electron app, filled in by the shim; renderers read them from the bootstrap."""

    mode: str = "production"
    version: str = ""  # empty: the sidecar's own
    is_packaged: bool = False
    user_data: str = ""  # empty: the data folder


class Paths(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders; an empty one is derived (data: the platform's user-data folder, logs and temp: inside data)."""

    data: str = ""
    logs: str = ""
    temp: str = ""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the backend may use of the machine and see of the environment. 0 and false: as the system has it."""

    memory: Annotated[int, Meta(ge=0, le=2**53)] = (
        0  # bytes resident in its tree; never address space, .NET reserves 274 GB of it
    )
    cpu_nice: Annotated[int, Meta(ge=-20, le=19)] = 0  # POSIX niceness
    open_files: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0  # descriptors
    no_new_privileges: bool = False  # Linux
    env_allow: tuple[str, ...] = ()  # names that the backend inherits, a last * matches any rest; empty: all
    env_deny: tuple[str, ...] = ("AURA_RESET",)  # names that it never inherits; AURA_RESET=true deletes user data


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """The sidecar's own log."""

    level: Literal["trace", "debug", "info", "warning", "error"] = "info"
    json: bool = False


class Firewall(Struct, frozen=True, forbid_unknown_fields=True):
    """The Windows Firewall rule: the name it is created under, and those that installers in the field gave theirs."""

    rule_name: str = "Aura Video Studio Backend"
    other_names: tuple[str, ...] = ("Aura Video Studio", "Aura Video Studio Backend (Public)")


class Resources(Struct, frozen=True, forbid_unknown_fields=True):
    """How the processor time and memory of the backend's whole tree are watched. A limit of 0: none."""

    interval: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0
    window: Seconds = 600.0  # how long samples are kept
    cpu_limit: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0  # % of one core; passed for hold: an alert
    memory_limit: Annotated[int, Meta(ge=0, le=2**53)] = 0  # bytes resident, likewise
    hysteresis: Annotated[float, Meta(ge=0, lt=1)] = 0.1  # the alert ends below limit * (1 - hysteresis)
    hold: Seconds = 10.0  # how long a limit must be passed, or kept again, before that is told


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    profile: str = "aura"
    backend: Backend = field(default_factory=Backend)
    timeouts: Timeouts = field(default_factory=Timeouts)
    restart: Restart = field(default_factory=Restart)
    health: Health = field(default_factory=Health)
    app: App = field(default_factory=App)
    paths: Paths = field(default_factory=Paths)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    firewall: Firewall = field(default_factory=Firewall)
    resources: Resources = field(default_factory=Resources)
