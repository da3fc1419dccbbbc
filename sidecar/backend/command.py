"""Finds the program to run and its working folder, on a disk where the user may not see everything."""

from __future__ import annotations

import os
import sys

from ..errors import BackendNotFoundError, SidecarError
from ..fields import Fields
from ..process.executability import check_folder, check_program, in_asar, not_on_path, one_string, restore_run_bit
from ..process.platform import SYSTEM
from ..settings.checks import GIVE_A_COMMAND
from ..settings.profiles import PROFILES

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..settings.model import Backend, Settings

_WINDOWS_EXTENSIONS = ".COM;.EXE;.BAT;.CMD"  # what Windows itself assumes if PATHEXT is not set


class BackendCommand(Fields):
    """A program that exists and may be run."""

    argv: tuple[str, ...]  # the program as an absolute path; {host} and {port} are not filled in yet
    cwd: str  # the folder to run it in, absolute
    notes: tuple[str, ...] = ()  # log entries about how it was found


def sidecar_folder() -> str:
    """The folder of the packaged sidecar, or of the package ``sidecar``."""
    if getattr(sys, "frozen", False):
        return os.path.dirname(os.path.realpath(sys.executable))
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def find_command(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    beside: str | None = None,
    working_directory: str | None = None,
    platform: str = SYSTEM,
) -> BackendCommand:
    """The command to run: the user's own, or the packaged backend of the profile.

    A program without a folder in its name is looked up on the PATH of ``environ`` (the child's). The packaged backend is searched
    in ``app.resources``, in ``beside`` (the sidecar's folder), in the two folders above that and, unless the app is packaged, in
    ``working_directory``, where relative paths start. The working folder is ``backend.cwd``; by default the folder in which the
    sidecar was started or, with ``Profile.own_folder``, the executable's.

    Raises BackendNotFoundError, BackendNotAFileError or BackendNotExecutableError, with path and remedy.
    """
    here = working_directory or _starting_folder(settings.backend)
    backend, preset = settings.backend, PROFILES[settings.profile]
    cwd = _join(here, os.path.expanduser(backend.cwd))
    notes: tuple[str, ...] = ()
    try:
        if backend.command:
            program, on_path = _given(backend, environ, here, platform)
        else:
            program, on_path = _packaged(settings, beside or sidecar_folder(), here, platform), False
            notes = (f"{program} is the backend found by profile {settings.profile}",)
            if restore_run_bit(program, platform):  # never for a program that the user named
                notes += (f"{program} was not executable; the sidecar set u+x",)
        check_program(program, platform)
    except SidecarError as error:
        if backend.command and not os.path.isabs(backend.command[0]):
            error.message = in_folder(error.message, cwd)
        raise
    if preset.own_folder and not on_path and not backend.cwd:
        cwd = os.path.dirname(program)
    check_folder(cwd)
    return BackendCommand((program, *backend.command[1:]), cwd, notes)


def in_folder(message: str, cwd: str) -> str:
    return f"{message.removesuffix('.')} (working folder: {cwd})"


def candidates(settings: Settings, beside: str, working_directory: str, platform: str) -> Iterator[str]:
    """Yields the paths where a profile's packaged backend may be, the most likely first."""
    preset = PROFILES[settings.profile]
    if not preset.executable:
        return
    name = f"{preset.executable}.exe" if platform == "win32" else preset.executable
    resources = [settings.app.resources] if settings.app.resources else []
    above = os.path.dirname(beside)
    # An installed app may be started in any folder, such as the folder of a downloaded file.
    here = [] if settings.app.is_packaged else [working_directory]
    roots = dict.fromkeys([*resources, beside, above, os.path.dirname(above), *here])
    for root in roots:
        for folder in _folders(preset.folders.get(platform, ()), platform):
            yield _join(root, os.path.join("backend", folder, name))


def _folders(folders: tuple[str, ...], platform: str) -> tuple[str, ...]:
    """The folders for this machine. Apple silicon prefers its own build and also runs the Intel build (Rosetta); Intel runs only its own."""
    if platform != "darwin":
        return folders
    from ..process.platform.machine import machine  # needed only here

    if machine() == "arm64":
        return tuple(sorted(folders, key=lambda name: "arm64" not in name))
    return tuple(name for name in folders if "arm64" not in name)


def _packaged(settings: Settings, beside: str, here: str, platform: str) -> str:
    searched = list(candidates(settings, beside, here, platform))
    for path in searched:
        if os.path.isfile(path):
            return path
    if not searched:
        text = f"No backend command given: profile {settings.profile} has no packaged backend"
        raise BackendNotFoundError(text, hint=GIVE_A_COMMAND, data={"path": ""})
    places = "".join(f"\n  {path}" for path in searched)
    text = f"The backend {os.path.basename(searched[0])} was not found. Searched:{places}"
    hint = f"Put the backend into one of these folders, or reinstall the app. {GIVE_A_COMMAND}"
    raise BackendNotFoundError(text, hint=hint, data={"path": searched[0]})


def _given(backend: Backend, environ: Mapping[str, str], here: str, platform: str) -> tuple[str, bool]:
    """The user's program, and whether it was looked up on PATH."""
    name = backend.command[0]
    if "/" in name or (platform == "win32" and ("\\" in name or ":" in name)):
        folders = [here, *([_join(here, os.path.expanduser(backend.cwd))] if backend.cwd else [])]
        tried = list(dict.fromkeys(_join(folder, os.path.expanduser(name)) for folder in folders))
        found = next((one for base in tried for one in _spellings(base, environ, platform) if _may_exist(one)), None)
        if found is None:
            if _begins_with_a_program(name, folders, platform):
                raise one_string(name, platform)
            raise _not_found(name, tried[0], tried[1:])
        return os.path.abspath(found), False
    found = _on_path(name, environ, here, platform)
    if found is None:
        error = not_on_path(name, variable(environ, "PATH", platform), platform)
        if os.path.isfile(os.path.join(here, name)):
            error.hint = f"It is in {here}: write ./{name}."
        elif "\\" in name:
            error.hint = "This is a Windows path; write the program's path on this system, with slashes."
        elif name != name.strip():
            error.hint = "Remove the space before or after the program's name."
        raise error
    return found, True


def _begins_with_a_program(name: str, folders: list[str], platform: str) -> bool:
    """Whether the text before one of the spaces is a file: then the word also contains the arguments."""
    parts = name.split(" ")
    heads = [" ".join(parts[:count]) for count in range(1, len(parts)) if parts[0]]
    ends = (".exe", "") if platform == "win32" else ("",)
    words = [os.path.expanduser(head + end) for head in heads for end in ends]
    return any(os.path.isfile(os.path.join(folder, word)) for folder in folders for word in words)


def _not_found(name: str, path: str, others: list[str]) -> BackendNotFoundError:
    if "://" in name:
        text = f"The command begins with {name}, which is an address, not a program"
        hint = f'To watch a backend that another program runs, set backend.managed = false and backend.url = "{name}".'
        return BackendNotFoundError(text, hint=hint, data={"path": name})
    also = "".join(f", nor at {other}" for other in others)
    folder = os.path.dirname(path)
    missing = "" if os.path.exists(folder) else f" (the folder {folder} does not exist)"
    more = " Variables such as $HOME or %APPDATA% are not filled in." if "$" in path or "%" in path else ""
    if '"' in path:
        more += " Remove the quotation marks from the path."
    if not path.encode("utf-8", "ignore").decode().isprintable():
        more += " In TOML's double quotes a backslash begins an escape: write the path in single quotes."
    hint = (
        in_asar(path) or f"Check the path. A relative path starts at the folder in which the sidecar was started.{more}"
    )
    text = f"The backend's executable does not exist: {path}{also}{missing}"
    return BackendNotFoundError(text, hint=hint, data={"path": path})


def _on_path(name: str, environ: Mapping[str, str], here: str, platform: str) -> str | None:
    separator = ";" if platform == "win32" else ":"
    fallback: str | None = None
    for folder in (variable(environ, "PATH", platform) or os.defpath).split(separator):
        if not folder:
            continue  # in POSIX an empty entry means the current folder; running programs from there is a risk
        for path in _spellings(_join(here, os.path.join(folder.strip('"'), name)), environ, platform):
            if os.path.isfile(path):
                if _has_extension(path) if platform == "win32" else os.access(path, os.X_OK):
                    return path
                fallback = fallback or path
    return fallback


def _spellings(path: str, environ: Mapping[str, str], platform: str) -> Iterator[str]:
    """The path; on Windows first with each extension of a program, because npm puts a POSIX script next to each .cmd."""
    if platform != "win32":
        yield path
        return
    if _has_extension(path):
        yield path
    for extension in (variable(environ, "PATHEXT", platform) or _WINDOWS_EXTENSIONS).split(";"):
        if extension:
            yield path + extension.lower()
    if not _has_extension(path):
        yield path


def _has_extension(path: str) -> bool:
    return os.path.splitext(path)[1] not in {"", "."}


def _join(folder: str, path: str) -> str:
    """Joins and normalises, except with ``..``: only the system knows what that means after a link."""
    whole = os.path.join(folder, path)
    return whole if ".." in whole else os.path.normpath(whole)


def variable(environ: Mapping[str, str], name: str, platform: str = SYSTEM) -> str:
    """A variable's value, empty if it is not set; Windows makes no difference between ``Path`` and ``PATH``."""
    if platform != "win32":
        return environ.get(name, "")
    return next((value for key, value in environ.items() if key.upper() == name), "")


def _starting_folder(backend: Backend) -> str:
    """Where relative paths start: our working directory. If it was removed, only a backend with an absolute path can start."""
    try:
        return os.getcwd()
    except OSError as error:
        program = backend.command[0] if backend.command else "."
        if os.path.isabs(program):
            return os.path.splitdrive(program)[0] + os.sep
        text = f"The folder in which the sidecar was started no longer exists, so relative paths cannot be resolved: {error.strerror}"
        hint = "Start it in another folder, or give the backend's full path."
        raise BackendNotFoundError(text, hint=hint, data={"path": program}) from None


def _may_exist(path: str) -> bool:
    """Whether the path exists, or cannot be looked at; check_program explains that."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
