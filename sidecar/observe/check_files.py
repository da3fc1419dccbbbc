"""Checks of files and folders: the backend's program, its runtime, and where it writes. They may block on a disk."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import SidecarError
from ..process.executability import check_program, marks
from ..process.executability.formats import lacks_console, unrunnable
from ..process.executability.windows import APP_ALIAS, obstacle
from ..process.platform import SYSTEM
from ..process.platform.files import create_file, distrust, make_folder, open_regular, remove_file
from ..process.platform.libraries import MAY_LACK_LIBRARIES, installed_libraries
from ..process.platform.machine import dotnet_folders
from ..wire.observe import Check

SPACE_FAILED = 50 * 1024 * 1024  # a database cannot even grow its journal
SPACE_WARNING = 500 * 1024 * 1024

_REQUEST = 'If it has work to finish, let it exit at the end of its stdin with backend.stdin = "open", or set backend.shutdown_path.'

FindCommand = Callable[[], tuple[str, ...]]
"""Returns the backend's command, its program as an absolute path; raises the SidecarError that says why there is none."""
_MEBIBYTE = 1024 * 1024
_MAX_SETTINGS = _MEBIBYTE  # of a .runtimeconfig.json, which has a few hundred bytes


def check_executable(find: FindCommand, *, has_request: bool = True) -> Check:
    """``has_request``: whether the settings name a way to ask the backend to exit other than CTRL_C or a signal."""
    try:
        program = Path(find()[0])
        check_program(program)
    except SidecarError as error:
        return Check("executable", "failed", error.message, error.hint)
    try:
        head = marks.read_head(program)
    except OSError as error:
        return _unreadable(program, error)
    if (found := unrunnable(program, head)) is not None:
        return Check("executable", "failed", f"{program} cannot run here: {found.cause}", found.remedy)
    if (mark := marks.mark(program)) is not None:
        return Check("executable", "warning", f"{program} {mark.cause}", mark.remedy)
    if SYSTEM == "win32" and lacks_console(head) and not has_request:
        seen = f"{program} has no console (as Electron's own program and pythonw): unless it has windows, a stop kills it at once"
        return Check("executable", "warning", seen, _REQUEST)
    return Check("executable", "ok", f"{program} is executable")


def _unreadable(program: Path, error: OSError) -> Check:
    number = getattr(error, "winerror", None) or 0
    if number == APP_ALIAS:
        return Check("executable", "ok", f"{program} is an app execution alias")
    if (held := obstacle(number)) is not None:
        return Check("executable", "failed", f"{program} cannot be opened: {held[0]}", held[1])
    return Check("executable", "unknown", f"{program} is executable but not readable: {error.strerror}")


def check_runtime(find: FindCommand, environ: Mapping[str, str]) -> Check:
    """Whether the .NET runtime that the backend's ``.runtimeconfig.json`` requires is installed; a self-contained one requires none."""
    try:
        command = find()
    except SidecarError:
        return Check("runtime", "unknown", "The runtime cannot be checked without a program")
    config = _runtime_settings(command)
    try:
        options = json.loads(read_settings(config)).get("runtimeOptions", {})
    except FileNotFoundError:
        return Check("runtime", "ok", "No runtime check needed")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return Check("runtime", "unknown", f"{config} cannot be read: {error}", "Reinstall the app.")
    wanted = options.get("frameworks") or ([options["framework"]] if "framework" in options else [])
    roots = list(_dotnet_roots(environ))
    for framework in wanted:
        name, version = str(framework.get("name")), str(framework.get("version"))
        major = version.partition(".")[0]
        found = [path.name for root in roots for path in (root / "shared" / name).glob(f"{major}.*")]
        if not found:
            seen = f"The backend needs {name} {version}, which is not installed"
            remedy = f"Install the .NET runtime {major} (https://dotnet.microsoft.com/download), or ship the backend self-contained."
            searched = f"searched {', '.join(map(str, roots)) or 'no folder: dotnet was not found'}"
            return Check("runtime", "failed", seen, remedy, searched)
    seen = "The .NET runtime that the backend needs is installed" if wanted else "The backend includes its runtime"
    return Check("runtime", "ok", seen)


def check_folder(name: str, path: str) -> Check:
    """Whether a folder can be created and written, and has space left. ``name``: data, logs or temp."""
    check = f"folder_{name}"
    folder = Path(path)
    remedy = f"Set paths.{name} to a folder on an available, writable disk that is not full."
    try:
        make_folder(folder)
        _write_into(folder)
        free = shutil.disk_usage(folder).free
    except FileExistsError as error:
        found = Path(error.filename or folder)
        seen, what = f"{found} is a file where a folder should be", "file"
        if found.is_symlink() and not os.path.exists(found):  # noqa: PTH110 - pathlib raises for a loop
            seen, what = f"{found} is a link to {found.readlink()}, where no folder is", "link"
        return Check(check, "failed", seen, f"Remove that {what}. {remedy}")
    except OSError as error:
        if (
            SYSTEM == "win32" and isinstance(error, FileNotFoundError) and folder.is_dir()
        ):  # how Windows denies it (dotnet/corefx#26561)
            remedy += (
                " If Windows' Controlled folder access protects that folder, allow the app there (Windows Security)."
            )
        return Check(check, "failed", f"{folder} cannot be written: {error.strerror}", remedy)
    left = f"{free // _MEBIBYTE} MiB free"
    if free < SPACE_WARNING:
        full = free < SPACE_FAILED
        seen = f"The disk of {folder} is {'full' if full else 'nearly full'} ({left})"
        return Check(check, "failed" if full else "warning", seen, f"Free some space. {remedy}", left)
    if (why := distrust(folder, shared=name == "temp")) is not None:
        remedy = f"Restrict the folder to your user (chmod 700), or set paths.{name} to another one."
        if name == "data":
            remedy += " Until then, processes left by an earlier sidecar are not ended."
        return Check(check, "warning", f"{folder} cannot be trusted: {why}", remedy, left)
    return Check(check, "ok", f"{folder} can be written", evidence=left)


def _write_into(folder: Path) -> None:
    """Writes without tempfile, which takes a denial by Windows for a name in use and tries others, before CPython 3.13 for hours (cpython#66305)."""
    probe = folder / f".{os.urandom(8).hex()}.tmp"
    try:
        with open(create_file(probe), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(b"x" * 4096)
    finally:
        remove_file(probe)


def check_hosts(path: str) -> Check:
    """Whether the hosts file maps ``localhost`` to this machine. The sidecar never uses the name; backends and pages do."""
    try:
        text = Path(path).read_text("utf-8", "replace")
    except OSError as error:
        return Check("hosts_file", "unknown", f"{path} cannot be read: {error.strerror}")
    wrong = []
    for line in text.splitlines():
        address, *names = re.split(r"\s+", line.partition("#")[0].strip())
        if "localhost" in (name.lower() for name in names) and not (address.startswith("127.") or address == "::1"):
            wrong.append(address)
    if wrong:
        remedy = "Change that line to 127.0.0.1. The sidecar itself uses the address and is not affected."
        return Check("hosts_file", "warning", f"The hosts file maps localhost to {', '.join(wrong)}", remedy)
    return Check("hosts_file", "ok", "localhost is not redirected")


def _runtime_settings(command: Sequence[str]) -> Path:
    """The file next to the program; for ``dotnet SERVER.dll`` next to the DLL, relative to our working folder."""
    program = Path(command[0])
    name = program.name.removesuffix(".exe")
    if name == "dotnet" and len(command) > 1 and command[1].endswith(".dll"):
        program = Path(command[1])
        name = program.name.removesuffix(".dll")
    return program.with_name(f"{name}.runtimeconfig.json")


def read_settings(path: Path) -> bytes:
    """Reads a file next to the backend's program; it may be a link, but not to an endless or blocking file. Raises OSError."""
    with open(open_regular(os.path.realpath(path), linked=True), "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read(_MAX_SETTINGS)


def _dotnet_roots(environ: Mapping[str, str]) -> Iterator[Path]:
    places = [environ.get("DOTNET_ROOT", ""), environ.get("DOTNET_ROOT_X64", ""), *dotnet_folders(environ)]
    dotnet = shutil.which("dotnet", path=environ.get("PATH"))
    if dotnet:
        places.append(str(Path(dotnet).resolve().parent))
    for place in dict.fromkeys(filter(None, places)):
        if Path(place).is_dir():
            yield Path(place)


# Every .NET program starts with a host that contains this number, a SHA-256 (dotnet/runtime, apphost's bundle_marker.cpp).
_HOST_MARK = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")
_INVARIANT = re.compile(rb'"System\.Globalization\.(?:Invariant"\s*:\s*"?true|AppLocalIcu")', re.IGNORECASE)
_SWITCH = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"
_PIECE = 256 * 1024  # bytes
_OVERLAP = 256  # bytes; longer than what is searched for


class Library(NamedTuple):
    """A system library. ``file``: how the names of its files begin; ``remedy``: what to install."""

    name: str
    file: str
    remedy: str


_CPP = Library("libstdc++", "libstdc++.so.6", "Install libstdc++ (Debian, Ubuntu: libstdc++6; Fedora, Alpine: libstdc++).")  # fmt: skip
_GCC = Library("libgcc_s", "libgcc_s.so.1", "Install libgcc (Debian, Ubuntu: libgcc-s1; Fedora, Alpine: libgcc).")
_ICU = Library("libicu", "libicuuc.so.", f"Install libicu (Debian, Ubuntu: the package libicu7x; Fedora: libicu; Alpine: icu-libs), or set {_SWITCH}=1 in backend.env.")  # fmt: skip


def check_libraries(find: FindCommand, env: Mapping[str, str]) -> Check:
    """Whether a .NET backend with that environment finds the libraries that even a self-contained one needs (.NET's prerequisites on Linux)."""
    # They are searched by name and never loaded, because loading runs their code in the sidecar.
    if not MAY_LACK_LIBRARIES:
        return Check("libraries", "ok", "No library check needed: this system includes what a .NET backend needs")
    try:
        program = Path(find()[0])
        kind = dotnet_kind(program)
    except (SidecarError, OSError):  # no program, or it cannot be read
        return Check("libraries", "unknown", "The libraries cannot be checked without a program")
    if kind is None:
        return Check("libraries", "ok", "No library check needed: the backend is not a .NET program")
    invariant = kind == "invariant" or env.get(_SWITCH, "").lower() in {"1", "true"}
    wanted = [_CPP, _GCC] if invariant else [_CPP, _GCC, _ICU]
    installed = set(installed_libraries(env.get("LD_LIBRARY_PATH", "")))
    return judge(wanted, installed, beside={path.name for path in program.parent.iterdir()})


def judge(wanted: Sequence[Library], found: set[str], *, beside: set[str]) -> Check:
    """Which libraries are missing; ``beside``: the file names in the backend's own folder, which it searches first."""
    missing = [library for library in wanted if not any(name.startswith(library.file) for name in found | beside)]
    if not missing:
        return Check("libraries", "ok", f"The .NET backend finds {', '.join(library.name for library in wanted)}")
    seen = f"The .NET backend needs {' and '.join(library.name for library in missing)}, which is missing"
    return Check("libraries", "failed", seen, " ".join(library.remedy for library in missing))


def dotnet_kind(program: Path) -> str | None:
    """``invariant`` for a .NET program that works without libicu, ``dotnet`` for any other, None for other programs. Raises OSError."""
    # Reads in pieces: a mapped file would block other threads, and kill this process (SIGBUS) if it is rewritten meanwhile.
    settings = program.with_name(program.name + ".runtimeconfig.json")
    hosted = invariant = False
    with program.open("rb") as file:
        end = b""
        while piece := file.read(_PIECE):
            piece = end + piece
            hosted = hosted or _HOST_MARK in piece
            # A single-file program contains its settings uncompressed.
            invariant = invariant or _INVARIANT.search(piece) is not None
            end = piece[-_OVERLAP:]
    if not hosted:
        return None
    return "invariant" if invariant or (settings.exists() and _INVARIANT.search(read_settings(settings))) else "dotnet"
