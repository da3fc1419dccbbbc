"""The settings, their units and their defaults, as frozen Structs.

Every number here is a promise to users. Durations are in seconds, sizes in bytes. ``python -m tools.generate`` writes the docstrings
and the field comments, ``(unit) meaning``, into docs/settings.md.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, structs

from .profiles import DEFAULT_PROFILE
from .texts import BYTES, REPORTED_PATTERN, SECONDS

# merge.py converts a string with a unit before the model sees it; the schemas allow both forms.
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
    """The program to run, where it listens, and its endpoints (an empty path: no such endpoint)."""

    # Program and arguments; `{host}` and `{port}` are filled in. Usually given after `--`. Empty: the program that the profile finds.
    command: tuple[str, ...] = ()
    # Working folder, on the command line `--cwd DIR`. Empty: the folder in which the sidecar was started; with profiles `aspnet` and
    # `aura` the executable's folder, unless it is found on PATH.
    cwd: str = ""
    env: dict[str, str] = {}  # Additional environment variables; `{host}` and `{port}` are filled in.
    # `"auto"`: the last port if it is free, otherwise another. `"reported"`: the backend chooses and prints it. A number: that port.
    port: Literal["auto", "reported"] | Port = "auto"
    # Loopback only: any other address triggers a firewall prompt and exposes the backend to the network.
    host: Literal["127.0.0.1"] = "127.0.0.1"
    autostart: bool = True  # Start the backend when the sidecar starts.
    managed: bool = True  # false: another program runs the backend; the sidecar only watches it.
    url: str = ""  # The address of an unmanaged backend: `http://127.0.0.1:PORT`.
    # A 2xx response means ready. Empty: ready when the port is open. `"auto"`: `/health`, else `/healthz`, else any HTTP response.
    live_path: str = ""
    health_path: str = ""  # A 2xx response means healthy. Empty: `live_path`.
    ready_path: str = ""  # Reported to renderers; a 503 there does not fail the start.
    # A POST there requests a graceful stop. Empty: a stop starts with the stop signal or CTRL_C.
    shutdown_path: str = ""
    # Who may listen on the port. `own`: the backend's processes. `any`: also another program that forwards the port to it (`docker run
    # -p`, `ssh -L`); then the sidecar cannot detect a program that took the port.
    listener: Literal["own", "any"] = "own"
    # Who opens the listening socket. `none`: the backend. `pass`: the sidecar, once for all runs. It passes each run the socket like
    # systemd (descriptor 3, `LISTEN_FDS`), so no connection is refused during a crash or restart.
    socket: Literal["none", "pass"] = "none"
    # Linux only: the backend gets `NOTIFY_SOCKET` and can send READY=1, STATUS= and WATCHDOG=1 as to systemd. READY=1 then means ready;
    # so does `live_path`, but an open port alone does not.
    notify: bool = False
    # `null`: empty, so reading it returns end of file. `open`: open until the stop. Closing it is then the first request to exit; the
    # signal follows after `timeouts.shutdown_request`.
    stdin: Literal["null", "open"] = "null"
    # The signal that asks the backend, and then its leftover processes, to exit. Windows only has CTRL_C.
    stop_signal: StopSignal = "SIGTERM"
    # `root`: the backend's first process; processes that it leaves behind get the signal next. `group`: its whole process group, so
    # processes that it still needs may exit before it. `auto`: the group for SIGINT and SIGQUIT, which a terminal sends to the whole
    # group, otherwise the root.
    stop_signal_to: Literal["auto", "root", "group"] = "auto"
    info_path: str = ""  # Endpoint for `backend:info`.
    version_path: str = ""  # Endpoint for `backend:version`.
    providers_path: str = ""  # Endpoint for `backend:providerStatus`, also polled for changes.
    ffmpeg_path: str = ""  # Endpoint for `backend:ffmpegStatus`.
    events_path: str = ""  # URL template of the job event stream, reported to renderers.
    # Keys of the provider response that change on every call; their changes are ignored.
    volatile_keys: tuple[str, ...] = ()
    # How the backend prints its address when `port = "reported"`: a regular expression with one group.
    reported_pattern: str = REPORTED_PATTERN


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the sidecar waits."""

    startup: PositiveSeconds = 60.0  # (seconds) Time limit from spawn to ready.
    # (seconds) Age at which `backend:restart` replaces a start still in progress; a second request replaces it at once.
    restart_hanging: Seconds = 10.0
    health_interval: PositiveSeconds = 1.0  # (seconds) Time between health checks.
    restart_delay: Seconds = 5.0  # (seconds) Time between automatic restarts.
    # (seconds) Time limit for the shutdown endpoint, or the end of stdin, to take effect.
    shutdown_request: Seconds = 2.0
    # (seconds) Time limit for the whole process tree to exit after the stop signal or CTRL_C.
    graceful_shutdown: Seconds = 10.0
    force_kill: PositiveSeconds = 5.0  # (seconds) Time limit for processes to disappear after the kill.
    total_shutdown: PositiveSeconds = 27.0  # (seconds) Time limit for all steps of `sidecar:shutdown`.
    # (seconds) Time before the kill when the app is gone; at most 1 s when the sidecar was killed. A longer time breaks the promise
    # that nothing is left after 2 s.
    owner_lost: Seconds = 1.5


class Restart(Struct, frozen=True, forbid_unknown_fields=True):
    """The automatic restart budget."""

    attempts: Count = 3  # (restarts) Automatic restarts before the sidecar gives up.
    window: Seconds = 600.0  # (seconds) Healthy running time after which a failure no longer counts.
    first_delay: Seconds = 0.0  # (seconds) Delay before the first automatic restart.
    backoff: Annotated[float, Meta(ge=1, le=100)] = 1.0  # (factor) Growth of the delay per restart, up to a day.
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.0  # (fraction) Random extra delay, as a fraction of the delay.
    on_clean_exit: bool = True  # An unexpected exit with code 0 also counts as a crash.


class Health(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the backend is checked, and how many results decide its health."""

    probe_timeout: PositiveSeconds = 2.0  # (seconds) Time limit for one check.
    provider_interval: PositiveSeconds = 30.0  # (seconds) Time between polls of the provider status.
    # (checks) Consecutive failed checks before the backend counts as unhealthy.
    failures: Annotated[int, Meta(ge=1, le=1000)] = 3
    # (checks) Consecutive successful checks before the backend counts as healthy.
    successes: Annotated[int, Meta(ge=1, le=1000)] = 1
    # (seconds) Maximum time between two WATCHDOG=1 before the backend counts as hung; needs `backend.notify`. 0: no watchdog.
    watchdog: Seconds = 0.0
    # Restart after `failures` checks in a row that were unanswered or found its port closed, or a missed WATCHDOG=1; counts as an automatic restart.
    restart_when_hung: bool = False


class App(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about the Electron app, set by the npm package; renderers read them from the bootstrap."""

    mode: str = "production"  # `production` or `development`.
    version: str = ""  # The app's version. Empty: the sidecar's.
    is_packaged: bool = False  # Whether the app runs from an installation.
    user_data: str = ""  # Electron's user-data folder. Empty: the data folder.
    resources: str = ""  # The app's resources folder, searched first for the profile's backend and FFmpeg.
    temp: str = ""  # Electron's temporary folder; a profile may use a subfolder.


class Paths(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders; an empty value uses the default."""

    data: str = ""  # Empty: `app.user_data`, else the platform's user-data folder.
    logs: str = ""  # Empty: `logs` in the data folder.
    temp: str = ""  # Empty: the profile's folder in `app.temp`, else `temp` in the data folder.


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What the backend may use of the machine and the environment. 0 and false: the system's default."""

    # (bytes) If the whole tree uses more memory, it is killed. Shared pages count once; mapped files (a model) and address space (.NET
    # reserves 274 GB) do not count. Linux: the resident size and, if that is exceeded, the proportional size without mapped files.
    # Windows: the private working set. macOS: the footprint.
    memory: Bytes = 0
    # (niceness) Scheduling priority; on Windows the nearest priority class.
    cpu_nice: Annotated[int, Meta(ge=-20, le=19)] = 0
    open_files: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0  # (descriptors) Maximum number of open files; POSIX only.
    no_new_privileges: bool = False  # Linux only: the tree cannot gain privileges.
    env_allow: tuple[str, ...] = ()  # Environment variables to inherit; a trailing `*` matches any suffix. Empty: all.
    env_deny: tuple[str, ...] = ()  # Environment variables never to inherit, with the same pattern.


class Sandbox(Struct, frozen=True, forbid_unknown_fields=True):
    """What the backend and its child processes may do; [sandbox.md](sandbox.md) lists what each system enforces."""

    # `off`: no sandbox. `standard`: it writes only to data, logs, temp and `write`, binds only its own TCP port, and cannot signal
    # processes outside its tree. `strict`: in addition, it reads only its own folder, the system's libraries and `read`, and connects
    # only to `connect`.
    level: Literal["off", "standard", "strict"] = "off"
    # Additional folders and files that it may read and change: absolute paths, or starting with `~`.
    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()  # Additional folders and files that it may read at level `strict`.
    # TCP ports, on any address, that it may connect to at level `strict`. 53 also allows UDP, for DNS.
    connect: tuple[Port, ...] = ()
    # true: refuse to start if the system cannot enforce the whole level. false: start with what it can enforce.
    required: bool = False


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """The sidecar's own log."""

    # Minimum level to log: trace, debug, info, warning, error.
    level: Literal["trace", "debug", "info", "warning", "error"] = "info"
    json: bool = False  # One JSON object per line instead of text.


class Firewall(Struct, frozen=True, forbid_unknown_fields=True):
    """The Windows Firewall rule."""

    rule_name: str = ""  # Name of the rule, for creation and lookup. Empty: the executable's name.
    other_names: tuple[str, ...] = ()  # Other names that installers gave the rule.


class Resources(Struct, frozen=True, forbid_unknown_fields=True):
    """Monitoring of CPU and memory of the backend's whole process tree. A limit of 0: no limit."""

    interval: Annotated[float, Meta(ge=0.1, le=3600, **_IN_SECONDS)] = 2.0  # (seconds) Time between samples.
    window: Seconds = 600.0  # (seconds) How long to keep samples.
    # (% of one core) If exceeded for `hold`, `backend:resourceAlert` is sent.
    cpu_limit: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0
    memory_limit: Bytes = 0  # (bytes) The same for the resident memory of the whole tree.
    hysteresis: Annotated[float, Meta(ge=0, lt=1)] = 0.1  # (fraction) An alert ends below `limit * (1 - hysteresis)`.
    hold: Seconds = 10.0  # (seconds) How long usage must stay above or below a limit before an event is sent.


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    # A preset: `generic` for any backend, `aspnet` for ASP.NET Core, `aura` for Aura Video Studio.
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


def field_types(section: str) -> dict[str, Any]:
    """Key → type of one section of the settings; empty if the section does not exist."""
    kind = {field.name: field.type for field in structs.fields(Settings)}.get(section)
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        return {}
    return {field.name: field.type for field in structs.fields(kind)}


def sections() -> list[str]:
    return [field.name for field in structs.fields(Settings) if field_types(field.name)]
