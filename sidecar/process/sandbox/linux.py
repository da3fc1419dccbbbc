"""What a sandbox level means on Linux: Landlock rules."""

import os
from collections.abc import Sequence
from pathlib import Path

from .. import landlock
from ..base import SandboxRequest
from ..executability import interpreter_of, read_start
from ..landlock import EXECUTE, IOCTL_DEV, MAKE_BLOCK, MAKE_CHAR, READ_DIR, READ_FILE, REFER, TRUNCATE, WRITE_FILE
from ..platform.files import is_inside
from . import folders

_READ = EXECUTE | READ_FILE | READ_DIR
_MAKE = landlock.MAKE_DIR | landlock.MAKE_REG | landlock.MAKE_SOCK | landlock.MAKE_FIFO | landlock.MAKE_SYM
_CHANGE = _MAKE | landlock.REMOVE_DIR | landlock.REMOVE_FILE | WRITE_FILE | REFER | TRUNCATE
_HANDLED = _CHANGE | MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV  # device files can be created nowhere
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")  # which hold nobody's data

# What level strict lets every backend read → the reason.
_GROUPS = {
    "/usr": "programs, libraries, locales, fonts, certificates",
    "/bin /sbin": "programs, where it is not a link to /usr",
    "/lib": "libraries, where it is not a link to /usr",
    "/lib32": "32-bit libraries",
    "/lib64": "the dynamic loader",
    "/nix/store": "everything, on NixOS",
    "/gnu/store": "everything, on Guix",
    "/proc": "what runtimes read about their own process, memory and processors; Landlock still denies the memory and environment of other processes",
    "/sys/devices/system/cpu": "the number of processors",
    "/sys/devices/system/node": "the memory's layout",
    "/sys/fs/cgroup": "the limits of a container",
    "/sys/kernel/mm": "the size of huge pages",
    "/etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d": "where libraries are",
    "/etc/ld.so.preload": "libraries that the administrator adds to every program",
    "/etc/ld-musl-x86_64.path /etc/ld-musl-aarch64.path": "where libraries are, with musl",
    "/etc/alternatives": "links to programs",
    "/etc/ssl /etc/pki /etc/ca-certificates": "certificates",
    "/etc/crypto-policies": "OpenSSL's settings",
    "/etc/localtime /etc/timezone": "the time zone",
    "/etc/locale.conf": "the language",
    "/etc/fonts": "fonts",
    "/etc/mime.types": "types of files",
    "/etc/os-release": "the name of the system",
    "/etc/dotnet": "where .NET is",
    "/etc/passwd": "the name of the user",
    "/etc/group": "the names of groups",
    "/etc/nsswitch.conf /etc/hosts /etc/host.conf /etc/resolv.conf /etc/gai.conf": "how names are looked up",
    "/etc/services /etc/protocols /run/systemd/resolve": "how names are looked up",
}
SYSTEM_FOLDERS = {path: reason for paths, reason in _GROUPS.items() for path in paths.split()}


def rules(request: SandboxRequest, version: int) -> tuple[landlock.Rules, list[str]]:
    """Returns Landlock's rules for a request, and notes for the log about paths without access."""
    strict = request.level == "strict"
    reach = _READ if strict else 0
    writable = folders.select_writable([*request.folders, *request.write])
    named = set(request.write)
    paths = [(path, reach | _CHANGE | (IOCTL_DEV if path in named else 0)) for path in writable.paths]
    paths += [(path, READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) for path in _DEVICES]
    notes = writable.notes
    if strict:
        own, own_notes = own_folders(request, writable.paths)
        readable = folders.select_readable([*own, *request.read], writable.paths)
        notes += own_notes + readable.notes
        paths += [(path, _READ) for path in (*readable.paths, *SYSTEM_FOLDERS)]
    network = (landlock.BIND_TCP if request.port else 0) | (landlock.CONNECT_TCP if strict else 0)
    ports = [(request.port, landlock.BIND_TCP)] if request.port else []
    ports += [(port, landlock.CONNECT_TCP) for port in request.connect if strict]
    scopes = landlock.SCOPE_ABSTRACT_UNIX_SOCKET | landlock.SCOPE_SIGNAL
    encoded = tuple((os.fsencode(path), rights) for path, rights in paths)
    return landlock.known_to(version, (_HANDLED | reach, network, scopes, encoded, tuple(ports))), notes


def is_allowed(request: SandboxRequest, path: str, *, write: bool) -> bool:
    right = WRITE_FILE if write else READ_FILE
    files, _network, _scopes, paths, _ports = rules(request, landlock.abi())[0]
    real = os.path.realpath(path)
    given = (folder for folder, rights in paths if rights & right)
    return not files & right or any(is_inside(real, os.path.realpath(os.fsdecode(each))) for each in given)


def own_folders(request: SandboxRequest, writable: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the folders of the program and of its #! interpreter, as named and with links resolved, ``lib`` next to ``bin``, and the working folder; then notes."""
    # If the backend may change the program, its target and interpreter get no access: as a link or in its #! line it could name any.
    named, programs, notes = [request.program], [request.program], []
    if os.path.isabs(interpreter := interpreter_of(read_start(Path(request.program)))):  # noqa: PTH117 -- strings
        named.append(interpreter)
    known = [os.path.realpath(each) for each in (*SYSTEM_FOLDERS, *writable, *request.read)]
    for program in named:
        real = os.path.realpath(program)
        if not any(folders.is_changeable(each, writable) for each in (request.program, program)):
            programs += [program, real]
        elif not any(is_inside(real, folder) for folder in known):
            notes.append(
                f"The sandbox does not let the backend read the folder of {real}, to which its program {request.program} leads: the backend may change that program, so it could name any folder. If it needs this one, add it to sandbox.read"
            )
    found: list[str] = []
    for program in programs:
        folder, prefix = os.path.dirname(program), os.path.dirname(os.path.dirname(program))  # noqa: PTH120 -- strings
        found.append(folder)
        if os.path.basename(folder) == "bin":  # noqa: PTH119 -- strings
            # A Python virtual environment belongs to its program; any other prefix may be ~/.local.
            own = "" if os.path.exists(f"{prefix}/pyvenv.cfg") else "lib"  # noqa: PTH110 -- strings
            found.append(os.path.join(prefix, own).rstrip("/"))  # noqa: PTH118 -- strings
    kept = []
    for path in dict.fromkeys([*found, request.cwd]):
        if folders.holds_home(path):
            notes.append(
                f"The sandbox does not let the backend read {path}, its own folder, because it contains your home folder. Set backend.cwd to another folder, or add what it needs to sandbox.read"
            )
        else:
            kept.append(path)
    return kept, notes
