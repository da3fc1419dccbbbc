"""Presets for known backends: file name, folders, endpoints and variables."""

# ruff: noqa: RUF012 - the base class declares them ClassVar

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal

    Variable = tuple[Literal["flag", "url", "path", "milliseconds"], str, tuple[str, ...]]
    """How an inherited variable's value is written, and the settings that it sets."""


class Profile:
    """A preset. Each is a subclass, never modified or instantiated."""

    settings: ClassVar[dict[str, dict[str, Any]]] = {}  # section → key → value, between the defaults and the user's
    executable: ClassVar[str] = ""  # file name of the packaged backend without .exe; empty: the user gives the command
    folders: ClassVar[dict[str, tuple[str, ...]]] = {}  # sys.platform → folders below backend/, the first one wins
    env: ClassVar[dict[str, str]] = {}  # variables of the backend. {host}, {port}, {data}, {logs}, {temp} are filled in
    development_env: ClassVar[dict[str, str]] = {}  # those that differ when app.mode is development
    app: ClassVar[str] = "electron-backend-sidecar"  # name of the folder for the app's data
    temp: ClassVar[str] = ""  # name of its folder in Electron's temporary folder; empty: it has none there
    ffmpeg_env: ClassVar[tuple[str, ...]] = ()  # variables that name ffmpeg/PLATFORM/bin, if the app ships it
    # Variables of the app's launch scripts → settings; SIDECAR_SECTION__KEY outranks them. A url fixes a managed backend's port.
    variables: ClassVar[dict[str, Variable]] = {}
    never_inherited: ClassVar[tuple[str, ...]] = ()  # variables that only backend.env can pass on
    any_server: ClassVar[bool] = False  # also sets the variables that known servers read (servers.py)
    # How its log reports that the app has started or is shutting down; only explanations use it.
    lifetime: ClassVar[dict[str, Literal["started", "stopping"]]] = {}
    own_folder: ClassVar[bool] = False  # it runs in its executable's folder, unless the executable is found on PATH


_ADDRESS = "http://{host}:{port}"
# How messages of the log category Microsoft.Hosting.Lifetime begin, on a console, under systemd and as a Windows service.
_DOTNET_LIFETIME: dict[str, Literal["started", "stopping"]] = {
    "Application started.": "started",
    "Application is shutting down...": "stopping",
}


class _Generic(Profile):
    """Any backend."""

    any_server = True


class _AspNet(Profile):
    """ASP.NET Core."""

    settings = {"backend": {"live_path": "auto"}}
    # An endpoint named Http in appsettings.json outranks ASPNETCORE_URLS.
    env = {"ASPNETCORE_URLS": _ADDRESS, "Kestrel__Endpoints__Http__Url": _ADDRESS}
    development_env = {"ASPNETCORE_ENVIRONMENT": "Development", "DOTNET_ENVIRONMENT": "Development"}
    lifetime = _DOTNET_LIFETIME
    own_folder = True  # its content root, where appsettings.json and wwwroot are, is the working folder


class _Aura(Profile):
    """Aura Video Studio."""

    settings = {
        "backend": {
            "live_path": "/health/live",
            "health_path": "/health/live",
            "ready_path": "/health/ready",
            "shutdown_path": "/api/system/shutdown",
            "info_path": "/api/info",
            "version_path": "/api/version",
            "providers_path": "/api/provider-status",
            "ffmpeg_path": "/api/ffmpeg/status",
            "events_path": "/api/jobs/{id}/events",
            "volatile_keys": ("lastUpdated",),
        },
        "firewall": {
            "rule_name": "Aura Video Studio Backend",
            # Names that its installers gave the rule.
            "other_names": ("Aura Video Studio", "Aura Video Studio Backend (Public)"),
        },
    }
    lifetime = _DOTNET_LIFETIME
    executable = "Aura.Api"
    own_folder = True
    folders = {"win32": ("win-x64", "win"), "linux": ("linux-x64", "linux"), "darwin": ("osx-x64", "osx-arm64", "mac")}
    env = {
        # The backend reads AURA_API_URL before ASPNETCORE_URLS, and Kestrel's own configuration outranks both.
        "ASPNETCORE_URLS": _ADDRESS,
        "AURA_API_URL": _ADDRESS,
        "Kestrel__Endpoints__Http__Url": _ADDRESS,
        "DOTNET_ENVIRONMENT": "Production",
        "ASPNETCORE_DETAILEDERRORS": "false",
        "LOGGING__LOGLEVEL__DEFAULT": "Information",
        "AURA_DATA_PATH": "{data}",
        "AURA_LOGS_PATH": "{logs}",
        "AURA_TEMP_PATH": "{temp}",
    }
    development_env = {
        "DOTNET_ENVIRONMENT": "Development",
        "ASPNETCORE_DETAILEDERRORS": "true",
        "LOGGING__LOGLEVEL__DEFAULT": "Debug",
    }
    app = "aura-video-studio"
    temp = "aura-video-studio"
    ffmpeg_env = ("FFMPEG_PATH", "AURA_FFMPEG_PATH", "FFMPEG_BINARIES_PATH")
    variables = {
        "AURA_LAUNCH_BACKEND": ("flag", "backend", ("managed",)),
        "AURA_BACKEND_URL": ("url", "backend", ("url",)),
        # The app's shell uses one endpoint for both readiness and health.
        "AURA_BACKEND_HEALTH_ENDPOINT": ("path", "backend", ("live_path", "health_path")),
        "AURA_BACKEND_READY_ENDPOINT": ("path", "backend", ("ready_path",)),
        "AURA_BACKEND_SSE_JOB_EVENTS_TEMPLATE": ("path", "backend", ("events_path",)),
        "AURA_BACKEND_STARTUP_TIMEOUT_MS": ("milliseconds", "timeouts", ("startup",)),
        "AURA_BACKEND_HEALTH_POLL_INTERVAL_MS": ("milliseconds", "timeouts", ("health_interval",)),
    }
    never_inherited = ("AURA_RESET",)  # AURA_RESET=true deletes the user's data


PROFILES: dict[str, type[Profile]] = {"generic": _Generic, "aspnet": _AspNet, "aura": _Aura}
DEFAULT_PROFILE = "generic"
