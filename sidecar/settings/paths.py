"""The default folders of data, logs and temporary files."""

from __future__ import annotations

import os
import sys

from .profiles import PROFILES

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from .model import Paths, Settings


def resolve_paths(settings: Settings) -> Paths:
    from .model import Paths

    return Paths(*folders(settings))


def changeable(settings: Settings, paths: Paths) -> tuple[str, ...]:
    """The folders in which a sandboxed backend may replace anything by a link; none without a sandbox."""
    sandbox = settings.sandbox
    return (paths.data, paths.logs, paths.temp, *sandbox.write) if sandbox.level != "off" else ()


def folders(settings: Settings) -> tuple[str, str, str]:
    """Data, logs and temp as absolute paths; none of them is created.

    ``data``: the setting, else Electron's user-data folder, else the system's. The other two are in it unless they are set; a
    profile may have its own folder in Electron's temporary folder.
    """
    paths = settings.paths
    data = paths.data or settings.app.user_data or app_folder(settings.profile)
    data = _absolute(data)
    own_temp = PROFILES[settings.profile].temp if settings.app.temp else ""
    default_temp = (settings.app.temp, own_temp) if own_temp else (data, "temp")
    logs = _absolute(paths.logs) if paths.logs else os.path.join(data, "logs")
    temp = _absolute(paths.temp) if paths.temp else _absolute(os.path.join(*default_temp))
    return data, logs, temp


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(os.path.expanduser(path))
    except OSError:
        from ..errors import InvalidConfigError

        text = f"The folder {path} is relative, and the folder in which the sidecar was started no longer exists"
        raise InvalidConfigError(text, hint="Start it in another folder, or give the full path.") from None


def app_folder(profile: str) -> str:
    """The system's folder for the data of the profile's app, as platformdirs returns it; importing platformdirs takes 13 ms of a start."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or r"~\AppData\Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.path.expanduser(os.environ.get("XDG_DATA_HOME", ""))
        base = base if os.path.isabs(base) else "~/.local/share"  # its specification: a relative path is to be ignored
    return os.path.join(os.path.expanduser(base), PROFILES[profile].app)
