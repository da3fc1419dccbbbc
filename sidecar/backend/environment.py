"""Builds the backend's environment, without an AppImage's own folders. No shell is involved, so names with dots survive."""

from __future__ import annotations

import os

from ..process.platform import SYSTEM
from ..process.platform.files import is_inside
from ..process.platform.ports import LOOPBACK
from ..settings.profiles import PROFILES
from ..settings.servers import APPENDED, server_variables
from ..settings.sources import is_own_variable

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from ..settings.model import Paths, Settings

# Only backend.env, which is written for this backend, can pass these on, and those that the profile names.
# Electron's two turn an Electron that the backend starts into plain Node; ours would configure another sidecar, secrets included.
# systemd's concern the app's own service (sd_notify(3), sd_listen_fds(3)): a backend would report its own end as the app's.
_NEVER_INHERITED = (
    *("ELECTRON_RUN_AS_NODE", "ELECTRON_NO_ASAR"),
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
)
# Without it neither Winsock nor the .NET runtime starts.
_WINDOWS_NEEDS = ("SYSTEMROOT",)


def fill(text: str, host: str, port: int) -> str:
    """Fills in ``{host}`` and ``{port}``; other braces stay, because an argument may be JSON. Port 0 lets the backend choose."""
    return text.replace("{host}", host).replace("{port}", str(port))


def backend_environment(
    settings: Settings, paths: Paths, port: int, inherited: Mapping[str, str], *, platform: str = SYSTEM
) -> dict[str, str]:
    """The backend's variables: the inherited ones that the limits allow, the profile's, the user's; later ones win.

    ``paths``: none empty (``resolve_paths``). ``port``: where it is to listen; 0 if it chooses its own port and reports it.
    ``platform``: on Windows ``Path`` and ``PATH`` are one variable.
    """
    environment = _Environment(ignore_case=platform == "win32")
    environment.update(_allowed(settings, inherited, platform))
    host = settings.backend.host
    for name, text in _profile_variables(settings, paths):
        before = f"{environment.get(name) or ''} " if name in APPENDED else ""
        environment.set(name, before.lstrip() + fill(text, host, port))
    environment.update(_ffmpeg_variables(settings, platform))
    if settings.sandbox.level != "off":  # it cannot write to the system's temporary folder
        environment.update((name, paths.temp) for name in ("TMPDIR", "TMP", "TEMP"))
    environment.update((name, fill(text, host, port)) for name, text in settings.backend.env.items())
    _exclude_loopback_from_proxy(environment, platform)
    if platform != "win32":
        return environment.variables
    if environment.get("PYTHONIOENCODING") is None:
        # Python writes to a pipe in the ANSI code page, which cannot encode most of the world's file names.
        environment.set("PYTHONIOENCODING", "utf-8")
    # SetEnvironmentVariable relies on this order (Changing Environment Variables); without it a name can end up twice.
    return dict(sorted(environment.variables.items(), key=lambda item: item[0].upper()))


class _Environment:
    """Variables; if case is ignored, the first spelling of a name stays."""

    def __init__(self, *, ignore_case: bool) -> None:
        self.variables: dict[str, str] = {}
        self._ignore_case = ignore_case
        self._spelling: dict[str, str] = {}

    def _key(self, name: str) -> str:
        return self._spelling.setdefault(name.upper(), name) if self._ignore_case else name

    def set(self, name: str, value: str) -> None:
        self.variables[self._key(name)] = value

    def get(self, name: str) -> str | None:
        return self.variables.get(self._key(name))

    def update(self, items: Iterable[tuple[str, str]]) -> None:
        for name, value in items:
            self.set(name, value)


def _allowed(settings: Settings, inherited: Mapping[str, str], platform: str) -> Iterator[tuple[str, str]]:
    limits = settings.limits
    ignore_case = platform == "win32"
    denied = (*limits.env_deny, *_NEVER_INHERITED, *PROFILES[settings.profile].never_inherited)
    for name, value in inherited.items():
        needed = ignore_case and name.upper() in _WINDOWS_NEEDS
        if is_own_variable(name) or _listed(name, denied, ignore_case=ignore_case):
            continue
        if needed or not limits.env_allow or _listed(name, limits.env_allow, ignore_case=ignore_case):
            yield name, value


def _listed(name: str, patterns: Iterable[str], *, ignore_case: bool) -> bool:
    if ignore_case:
        name, patterns = name.upper(), map(str.upper, patterns)
    return any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in patterns)


def _profile_variables(settings: Settings, paths: Paths) -> Iterator[tuple[str, str]]:
    profile = PROFILES[settings.profile]
    development = settings.app.mode.lower() == "development"
    if profile.any_server:
        yield from server_variables(settings.backend.command)
    folders = {"{data}": paths.data, "{logs}": paths.logs, "{temp}": paths.temp}
    for name, text in {**profile.env, **(profile.development_env if development else {})}.items():
        yield name, folders.get(text, text)


def _ffmpeg_variables(settings: Settings, platform: str) -> Iterator[tuple[str, str]]:
    """Variables that name the app's own FFmpeg. Without it they stay as they are, and the backend searches by itself."""
    profile, resources = PROFILES[settings.profile], settings.app.resources
    for folder in profile.folders.get(platform, ()) if resources and profile.ffmpeg_env else ():
        place = os.path.join(resources, "ffmpeg", folder, "bin")
        if os.path.isfile(os.path.join(place, "ffmpeg.exe" if platform == "win32" else "ffmpeg")):
            yield from ((name, place) for name in profile.ffmpeg_env)
            return


def _exclude_loopback_from_proxy(environment: _Environment, platform: str) -> None:
    """Adds 127.0.0.1 to NO_PROXY in both spellings, because programs read one or the other; an empty one copies the other first."""
    names = ("NO_PROXY",) if platform == "win32" else ("NO_PROXY", "no_proxy")
    values = {name: environment.get(name) or "" for name in names}
    for name, value in values.items():
        known = value or next((other for other in values.values() if other), "")
        hosts = [host.strip() for host in known.split(",") if host.strip()]
        if "*" not in hosts and LOOPBACK not in hosts:
            hosts.append(LOOPBACK)
        environment.set(name, ",".join(hosts))


# Lists in which AppRun and linuxdeploy's hooks put the image's folders first: .NET would load the image's OpenSSL, git its
# libcurl, Python its standard library.
_LISTS = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "PERLLIB", "PERL5LIB", "XDG_DATA_DIRS", "GSETTINGS_SCHEMA_DIR"),
    *("QT_PLUGIN_PATH", "GTK_PATH", "GTK_DATA_PREFIX", "GTK_EXE_PREFIX", "GTK_IM_MODULE_FILE", "GDK_PIXBUF_MODULE_FILE"),
    *("GDK_PIXBUF_MODULEDIR", "GIO_MODULE_DIR", "GIO_EXTRA_MODULES", "GST_PLUGIN_PATH", "GST_PLUGIN_SYSTEM_PATH"),
    *("GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_SCANNER", "GST_PLUGIN_SCANNER_1_0"),
)  # fmt: skip
_OWN_NAME = "ARGV0"  # the image's; zsh, and programs that check how they were called, take it for their own


def leave_appimage(environment: dict[str, str], program: str, given: Container[str]) -> tuple[str, ...]:
    """Removes the image's folders from the environment of a program outside the image; returns log entries about that.

    ``given``: the variables that the settings set, which stay. AppRun has set APPDIR, the image's folder.
    """
    image = environment.get("APPDIR", "").rstrip("/")
    if not image or is_inside(program, image) or not os.path.exists(f"{image}/AppRun"):
        return ()
    changed = [name for name in _LISTS if name not in given and _drop(environment, name, image)]
    if _OWN_NAME not in given and environment.pop(_OWN_NAME, None) is not None:
        changed.append(_OWN_NAME)
    return (f"{program} does not get the AppImage's {', '.join(changed)}",) if changed else ()


def _drop(environment: dict[str, str], name: str, image: str) -> bool:
    before = environment.get(name, "").split(":")
    left = [entry for entry in before if entry and not is_inside(entry, image)]  # an empty entry is the working folder
    if not any(is_inside(entry, image) for entry in before):
        return False
    environment[name] = ":".join(left)
    if not left:
        del environment[name]
    return True
