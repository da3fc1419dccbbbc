"""Presets for known backends: file name, folders, endpoints and variables."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any


class Profile:
    """A preset; nothing changes it.

    Attributes:
        settings: section → key → value, above the defaults and below everything that the user gave.
        executable: file name of the packaged backend without ``.exe``; empty: the user gives the command.
        folders: the system's name, as Python has it → folders below ``backend/`` in the order in which they are searched.
        env: variables of the backend. ``{host}``, ``{port}``, ``{data}``, ``{logs}``, ``{temp}`` are filled in.
        development_env: those that differ when ``[app] mode`` is ``development``.
        app: name of the folder for the app's data.
        temp: name of its folder in Electron's temporary folder; empty: it has none there.
        ffmpeg_env: variables that name FFmpeg's folder, where the app ships one as ``ffmpeg/PLATFORM/bin`` in its resources.
    """

    def __init__(
        self,
        *,
        settings: dict[str, dict[str, Any]],
        executable: str,
        folders: dict[str, tuple[str, ...]],
        env: dict[str, str],
        development_env: dict[str, str],
        app: str,
        temp: str = "",
        ffmpeg_env: tuple[str, ...] = (),
    ) -> None:
        self.settings = settings
        self.executable = executable
        self.folders = folders
        self.env = env
        self.development_env = development_env
        self.app = app
        self.temp = temp
        self.ffmpeg_env = ffmpeg_env


_ADDRESS = "http://{host}:{port}"

PROFILES: dict[str, Profile] = {
    "aura": Profile(
        settings={
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
            }
        },
        executable="Aura.Api",
        folders={
            "win32": ("win-x64", "win"),
            "linux": ("linux-x64", "linux"),
            "darwin": ("osx-x64", "osx-arm64", "mac"),
        },
        env={
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
        },
        development_env={
            "DOTNET_ENVIRONMENT": "Development",
            "ASPNETCORE_DETAILEDERRORS": "true",
            "LOGGING__LOGLEVEL__DEFAULT": "Debug",
        },
        app="aura-video-studio",
        temp="aura-video-studio",
        ffmpeg_env=("FFMPEG_PATH", "AURA_FFMPEG_PATH", "FFMPEG_BINARIES_PATH"),
    ),
    "generic": Profile(
        settings={},
        executable="",
        folders={},
        env={"HOST": "{host}", "PORT": "{port}"},
        development_env={},
        app="electron-backend-sidecar",
    ),
}
DEFAULT_PROFILE = "aura"
