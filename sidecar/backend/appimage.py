"""What an AppImage sets for the program in it, which no program of the system may inherit."""

from __future__ import annotations

import os

from ..process.platform.files import is_inside

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Container

# Where AppRun, and the hooks of linuxdeploy, put folders of the image first: .NET would load its OpenSSL, git its libcurl,
# Python its standard library.
_LISTS = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "PERLLIB", "PERL5LIB", "XDG_DATA_DIRS", "GSETTINGS_SCHEMA_DIR"),
    *("QT_PLUGIN_PATH", "GTK_PATH", "GTK_DATA_PREFIX", "GTK_EXE_PREFIX", "GTK_IM_MODULE_FILE", "GDK_PIXBUF_MODULE_FILE"),
    *("GDK_PIXBUF_MODULEDIR", "GIO_MODULE_DIR", "GIO_EXTRA_MODULES", "GST_PLUGIN_PATH", "GST_PLUGIN_SYSTEM_PATH"),
    *("GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_SCANNER", "GST_PLUGIN_SCANNER_1_0"),
)  # fmt: skip
_OWN_NAME = "ARGV0"  # of the image; zsh, and programs that look at how they were called, take it for theirs


def leave_appimage(environment: dict[str, str], program: str, given: Container[str]) -> tuple[str, ...]:
    """Takes the folders of the image from the environment of a program outside of it; what the log should say about that.

    ``given``: the variables that the settings set, which stay. AppRun has set APPDIR, the folder of the image.
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
    left = [entry for entry in before if entry and not is_inside(entry, image)]  # an empty one is the working folder
    if not any(is_inside(entry, image) for entry in before):
        return False
    environment[name] = ":".join(left)
    if not left:
        del environment[name]
    return True
