"""The settings, their units and their defaults, as frozen Structs.

Every number here is a promise to users; its source stands beside it. Durations are seconds, sizes bytes. The docstrings are the text
of docs/settings.md: ``name (unit): meaning`` for each key, written there by ``python -m tools.generate``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from .profiles import DEFAULT_PROFILE
from .texts import BYTES, REPORTED_PATTERN, SECONDS

# A text with a unit is read before the model sees it (values.convert); the schemas allow both.
_IN_SECONDS: dict[str, Any] = {
    "extra": {"units": SECONDS, "named": "seconds", "example": '"20s", "500ms" or "2m"'},
    "extra_json_schema": {"pattern": r"^\d+(\.\d+)? ?(ms|s|m|h)$"},
}
_IN_BYTES: dict[str, Any] = {
    "extra": {"units": BYTES, "named": "bytes", "example": '"512MB" or "1GiB"'},
    "extra_json_schema": {"pattern": r"^\d+(\.\d+)? ?([kKmMgG][iI]?)?[bB]$"},
}
Seconds = Annotated[float, Meta(ge=0, le=86_400, **_IN_SECONDS)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=86_400, **_IN_SECONDS)]
Bytes = Annotated[int, Meta(ge=0, le=2**53, **_IN_BYTES)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Backend(Struct, frozen=True, forbid_unknown_fields=True):
    """What is run, where it listens, and which of its endpoints mean what (empty path: it has none).

    Attributes:
        command: Program and arguments; `{host}` and `{port}` are filled in. Usually given behind `--`. Empty: what the
            profile finds.
        cwd: Working directory, in flags `--cwd DIR`. Empty: the folder in which the sidecar was started; with profiles
            `aspnet` and `aura` that of the executable, unless it is looked up on PATH.
        env: More environment variables; `{host}` and `{port}` are filled in.
        port: `"auto"`: the last one if it is free, else another. `"reported"`: the backend chooses it and prints it. A
            number: that one.
        host: Loopback only: any other address prompts the firewall and exposes the user.
        autostart: Start with the sidecar.
        managed: false: another program runs it; it is watched, never started or stopped.
        url: Its address when it is not managed: `http://127.0.0.1:PORT`.
        live_path: 2xx means ready to be used. Empty: ready when it listens. `"auto"`: `/health`, else `/healthz`, else any
            answer in HTTP.
        health_path: 2xx means healthy. Empty: `live_path`.
        ready_path: Reported to renderers; a 503 there is not a failed start.
        shutdown_path: A POST there asks for a graceful stop. Empty: the stop signal or CTRL_C at once.
        listener: Who may listen on its port: `own`: its own processes. `any`: also another program that forwards the port to
            it (`docker run -p`, `ssh -L`); then nothing protects from a program that took the port.
        socket: Who listens: `none`: the backend itself. `pass`: the sidecar, once, over all runs; each run is handed the
            listening socket as systemd does it (descriptor 3, `LISTEN_FDS`), so a crash or a restart refuses no connection.
        notify: Linux only: it gets `NOTIFY_SOCKET` and may report READY=1, STATUS=, WATCHDOG=1 as to systemd. READY=1 then
            means ready; so does `live_path`, but not the open port alone.
        stdin: `null`: empty, so it ends at once. `open`: it stays open until the stop, and its end is the first thing that
            asks the backend to end; the signal follows after `timeouts.shutdown_request`.
        stop_signal: What asks it to end, and then what it leaves behind. Windows has CTRL_C only.
        stop_signal_to: `root`: the backend's first process; those that it leaves behind get the signal next. `group`: its
            process group at once, so that also what it still needs may end before it. `auto`: the group for SIGINT and
            SIGQUIT, which a terminal sends to the whole group, else the root.
        info_path: Asked by `backend:info`.
        version_path: Asked by `backend:version`.
        providers_path: Asked by `backend:providerStatus`, and watched for changes.
        ffmpeg_path: Asked by `backend:ffmpegStatus`.
        events_path: Template of the job event stream, reported to renderers.
        volatile_keys: Keys of the provider body that change at every call; a change of these is not a change of status.
        reported_pattern: How it prints its address when `port = "reported"`: a regular expression with one group.
    """

    command: tuple[str, ...] = ()
    cwd: str = ""
    env: dict[str, str] = {}
    port: Literal["auto", "reported"] | Port = "auto"
    host: Literal["127.0.0.1"] = "127.0.0.1"
    autostart: bool = True
    managed: bool = True
    url: str = ""
    live_path: str = ""
    health_path: str = ""
    ready_path: str = ""
    shutdown_path: str = ""
    listener: Literal["own", "any"] = "own"
    socket: Literal["none", "pass"] = "none"
    notify: bool = False
    stdin: Literal["null", "open"] = "null"
    stop_signal: StopSignal = "SIGTERM"
    stop_signal_to: Literal["auto", "root", "group"] = "auto"
    info_path: str = ""
    version_path: str = ""
    providers_path: str = ""
    ffmpeg_path: str = ""
    events_path: str = ""
    volatile_keys: tuple[str, ...] = ()
    reported_pattern: str = REPORTED_PATTERN


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the sidecar waits; owner_lost keeps the 2 s promise of the no-orphan guarantee.

    Attributes:
        startup (seconds): From spawn to ready.
        restart_hanging (seconds): Age from which `backend:restart` replaces a start that is still under way; a second request does at once.
        health_interval (seconds): Between health checks.
        restart_delay (seconds): Between one automatic restart and the next.
        shutdown_request (seconds): For the shutdown endpoint, or the end of stdin, to take effect.
        graceful_shutdown (seconds): For the whole process tree to end after the stop signal or CTRL_C.
        force_kill (seconds): For death to be awaited after the kill.
        total_shutdown (seconds): For everything at `sidecar:shutdown`.
        owner_lost (seconds): Before the kill when the owner is gone; at most 1 s of it when the sidecar was killed.
    """

    startup: PositiveSeconds = 60.0
    restart_hanging: Seconds = 10.0
    health_interval: PositiveSeconds = 1.0
    restart_delay: Seconds = 5.0
    shutdown_request: Seconds = 2.0
    graceful_shutdown: Seconds = 10.0
    force_kill: PositiveSeconds = 5.0
    total_shutdown: PositiveSeconds = 27.0
    owner_lost: Seconds = 1.5


class Restart(Struct, frozen=True, forbid_unknown_fields=True):
    """The automatic restart budget.

    Attributes:
        attempts (restarts): Automatic ones before it gives up.
        window (seconds): Healthy running time after which a failure is forgiven.
        first_delay (seconds): Before the first automatic restart.
        backoff (factor): By which the delay grows.
        jitter (fraction): Of the delay, that is added at random.
        on_clean_exit: An unasked exit with code 0 is a crash too.
    """

    attempts: Count = 3
    window: Seconds = 600.0
    first_delay: Seconds = 0.0
    backoff: Annotated[float, Meta(ge=1, le=100)] = 1.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.0
    on_clean_exit: bool = True


class Health(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the backend is asked, and how many answers make a verdict.

    Attributes:
        probe_timeout (seconds): For one check.
        provider_interval (seconds): Between looks at the provider status.
        failures (checks): Unanswered ones in a row that make it unhealthy.
        successes (checks): Good ones in a row that make it healthy.
        watchdog (seconds): Within which the backend must send WATCHDOG=1 again, else it counts as hung; needs `backend.notify`. 0: no watchdog.
        restart_when_hung: Restart after that many unanswered checks, or a missed WATCHDOG=1; charged to the budget.
    """

    probe_timeout: PositiveSeconds = 2.0
    provider_interval: PositiveSeconds = 30.0
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    successes: Annotated[int, Meta(ge=1, le=1000)] = 1
    watchdog: Seconds = 0.0
    restart_when_hung: bool = False


class App(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about the Electron app, filled in by the shim; renderers read them from the bootstrap.

    Attributes:
        mode: `production` or `development`.
        version: The app's. Empty: the sidecar's.
        is_packaged: Whether it runs from an installation.
        user_data: Electron's user-data folder. Empty: the data folder.
        resources: The app's resources, where the profile's backend and FFmpeg are looked for first.
        temp: Electron's temporary folder, where a profile may have its own folder.
    """

    mode: str = "production"
    version: str = ""
    is_packaged: bool = False
    user_data: str = ""
    resources: str = ""
    temp: str = ""


class Paths(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders; an empty one is derived.

    Attributes:
        data: Empty: `app.user_data`, else the platform's user-data folder.
        logs: Empty: `logs` in the data folder.
        temp: Empty: the profile's folder in `app.temp`, else `temp` in the data folder.
    """

    data: str = ""
    logs: str = ""
    temp: str = ""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the backend may use of the machine and see of the environment. 0 and false: as the system has it.

    Attributes:
        memory (bytes): That its whole tree may use before it is killed, shared pages counted once: on Linux the resident
            size, where that is too much the proportional one; on Windows the private working set, on macOS the footprint.
            Never address space, of which .NET reserves 274 GB.
        cpu_nice (niceness): On Windows the nearest priority class.
        open_files (descriptors): POSIX only.
        no_new_privileges: Linux only: the tree cannot gain privileges.
        env_allow: Variables that it inherits, a final `*` matches any rest. Empty: all.
        env_deny: Variables that it never inherits, likewise.
    """

    memory: Bytes = 0
    cpu_nice: Annotated[int, Meta(ge=-20, le=19)] = 0
    open_files: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    no_new_privileges: bool = False
    env_allow: tuple[str, ...] = ()
    env_deny: tuple[str, ...] = ()


class Sandbox(Struct, frozen=True, forbid_unknown_fields=True):
    """What the backend and all that it starts can do at most; [sandbox.md](sandbox.md) says what each system enforces of it.

    Attributes:
        level: `off`: what its user can. `standard`: it writes only to data, logs, temp and `write`, binds only its own TCP
            port, and sends no signal to processes outside its tree. `strict`: besides, it reads only its own folder, the
            system's libraries and `read`, and connects only to `connect`.
        write: More folders and files that it may change, and read: absolute, or from `~` on.
        read: More folders and files that it may read at level `strict`.
        connect: TCP ports, of any address, that it may connect to at level `strict`. 53 opens UDP too, for DNS.
        required: No start where the system cannot enforce all of the level. false: it starts with what can be enforced.
    """

    level: Literal["off", "standard", "strict"] = "off"
    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    connect: tuple[Port, ...] = ()
    required: bool = False


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """The sidecar's own log.

    Attributes:
        level: The least that is written. From much to little: trace, debug, info, warning, error.
        json: One JSON object a line instead of text.
    """

    level: Literal["trace", "debug", "info", "warning", "error"] = "info"
    json: bool = False


class Firewall(Struct, frozen=True, forbid_unknown_fields=True):
    """The Windows Firewall rule.

    Attributes:
        rule_name: The name under which it is created and looked up. Empty: that of the executable.
        other_names: Names that installers gave it; they count as ours.
    """

    rule_name: str = ""
    other_names: tuple[str, ...] = ()


class Resources(Struct, frozen=True, forbid_unknown_fields=True):
    """How the processor time and memory of the backend's whole tree are watched. A limit of 0: none.

    Attributes:
        interval (seconds): Between samples.
        window (seconds): How long samples are kept.
        cpu_limit (% of one core): Passed for `hold`: `backend:resourceAlert`.
        memory_limit (bytes): Resident in the whole tree; likewise.
        hysteresis (fraction): An alert ends below `limit * (1 - hysteresis)`.
        hold (seconds): How long a limit must be exceeded, or kept again, before an event says so.
    """

    interval: Annotated[float, Meta(ge=0.1, le=3600, **_IN_SECONDS)] = 2.0
    window: Seconds = 600.0
    cpu_limit: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    memory_limit: Bytes = 0
    hysteresis: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    hold: Seconds = 10.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        profile: A preset: `generic` for any backend, `aspnet` for ASP.NET Core, `aura` for Aura Video Studio.
    """

    profile: str = DEFAULT_PROFILE
    backend: Backend = field(default_factory=Backend)
    timeouts: Timeouts = field(default_factory=Timeouts)
    restart: Restart = field(default_factory=Restart)
    health: Health = field(default_factory=Health)
    app: App = field(default_factory=App)
    paths: Paths = field(default_factory=Paths)
    limits: Limits = field(default_factory=Limits)
    sandbox: Sandbox = field(default_factory=Sandbox)
    log: Log = field(default_factory=Log)
    firewall: Firewall = field(default_factory=Firewall)
    resources: Resources = field(default_factory=Resources)
