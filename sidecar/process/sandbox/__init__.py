"""The backend's sandbox: what this system enforces of a level, and how. linux.py has Linux's rules, windows/confined.py the Windows part."""

import os
import sys
from collections.abc import Callable

from ...core import sandbox as core
from ...errors import SandboxUnavailableError
from ...settings.model import Paths, Settings
from ..base import Confinement, SandboxRequest
from ..platform.files import is_inside
from . import folders

_LOW = "integrity level Low, no privileges, mitigation policies (requested; not verified on a real Windows)"
_OF_WINDOWS = frozenset({"write", "trace", "truncate", "privileges"})
_OF_MACOS = frozenset({"write", "truncate", "bind", "signals", "connect"})
_PROGRAM = "/usr/bin/sandbox-exec"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper")


def sandbox_request(settings: Settings, paths: Paths, port: int | None, program: str, cwd: str) -> SandboxRequest:
    sandbox = settings.sandbox
    assert sandbox.level != "off"
    write, read = (tuple(map(folders.absolute, each)) for each in (sandbox.write, sandbox.read))
    own = (paths.data, paths.logs, paths.temp)
    return SandboxRequest(sandbox.level, own, write, read, port, sandbox.connect, program, cwd)


def confine(request: SandboxRequest, *, required: bool, report: Callable[[str], None]) -> Confinement:
    """Returns how the platform enforces a request. SandboxUnavailableError: it is ``required``, but part of it cannot be enforced."""
    found = enforcement(request.level, port_known=request.port is not None)
    if found.missing:
        missing = core.describe_missing(found)
        text = f'This system cannot enforce all of sandbox.level = "{request.level}". Missing: {missing}'
        if required:
            names = [each.name for each in found.missing]
            raise SandboxUnavailableError(text, data={"level": request.level, "missing": names})
        report(text)
    confinement, notes = prepare(request)
    for note in (*folders.path_notes(request), *notes):
        report(note)
    return confinement


def enforcement(level: core.Level, *, port_known: bool) -> core.Enforcement:
    """Returns what this system enforces of a level; ``port_known``: the port is known before the start."""
    if sys.platform == "linux":
        from .. import landlock, prctl, seccomp

        return core.enforcement(
            level,
            landlock.abi(),
            port_known=port_known,
            privileges=prctl.can_drop_capabilities(),
            filters=prctl.has_system_call_filters() and bool(seccomp.strict_filter(udp=False)),
        )
    if sys.platform == "win32":
        return core.partly(level, "Windows", mechanism=_LOW, provided=_OF_WINDOWS)
    provided = _OF_MACOS - (set() if port_known else {"bind"})
    return core.partly(level, "macOS", mechanism="sandbox-exec", provided=provided)


def prepare(request: SandboxRequest) -> tuple[Confinement, list[str]]:
    """Returns how a request is enforced here, and notes for the log about paths that get no access."""
    if sys.platform == "linux":
        from .. import landlock, prctl, seccomp
        from . import linux

        rules, notes = linux.rules(request, landlock.abi())
        system_calls = b""
        if request.level == "strict" and prctl.has_system_call_filters():
            system_calls = seccomp.strict_filter(udp=seccomp.DNS_PORT in request.connect)
        return Confinement(request, rules=(rules, system_calls)), notes
    if sys.platform == "win32":
        writable = labelled(request)
        return Confinement(request, rules=writable.paths), writable.notes
    writable = folders.select_writable([*request.folders, *request.write])
    return Confinement(request, wrapper=(_PROGRAM, "-p", profile(request, writable.paths))), writable.notes


def is_allowed(request: SandboxRequest, path: str, *, write: bool) -> bool:
    """Whether the sandbox lets the backend read a path, or change it if ``write``; True if unknown."""
    if sys.platform == "linux":
        from . import linux

        return linux.is_allowed(request, path, write=write)
    return sys.platform != "win32" or not write or is_labelled(request, path)


def labelled(request: SandboxRequest) -> folders.Folders:
    """Returns the paths that get the label Low on Windows; none that contains the user's home, because the label outlives the run."""
    wanted = (*request.folders, *request.write)
    return folders.select_writable(path for path in wanted if not folders.holds_home(path))


def is_labelled(request: SandboxRequest, path: str) -> bool:
    paths = (os.path.normcase(os.path.realpath(each)) for each in labelled(request).paths)
    real = os.path.normcase(os.path.realpath(path))
    return any(is_inside(real, each) for each in paths)


def profile(request: SandboxRequest, writable: list[str]) -> str:
    """Returns the profile for macOS' sandbox-exec(1), in its own language."""
    # Apple documents neither; this uses the terms of Apple's own profiles (/System/Library/Sandbox/Profiles). Later rules
    # win. Paths must not contain links: /private/tmp, not /tmp.
    places = [f"(subpath {_quoted(os.path.realpath(path))})" for path in writable]
    places += [f"(literal {_quoted(path)})" for path in _DEVICES]
    lines = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        f"(allow file-write* {' '.join(places)})",
        "(deny signal)",
        "(allow signal (target same-sandbox))",
    ]
    if request.port:
        lines += ['(deny network-bind (local tcp "*:*"))', f'(allow network-bind (local tcp "*:{request.port}"))']
    if request.level == "strict":
        lines.append('(deny network-outbound (remote tcp "*:*"))')
        lines += [f'(allow network-outbound (remote tcp "*:{port}"))' for port in request.connect]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
