"""The backend's sandbox: what this system enforces of a level, and how."""

from __future__ import annotations

import sys

from ...core import sandbox as core
from ..base import Confinement, SandboxRequest


def enforcement(level: core.Level, *, port_known: bool) -> core.Enforcement:
    """What this system enforces of a level; ``port_known``: before the start."""
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
        from . import windows

        return core.partly(level, "Windows", mechanism=windows.MECHANISM, provided=windows.PROTECTIONS)
    from . import macos

    provided = macos.PROTECTIONS - (set() if port_known else {"bind"})
    return core.partly(level, "macOS", mechanism="sandbox-exec", provided=provided)


def prepare(request: SandboxRequest) -> tuple[Confinement, list[str]]:
    """How a request is carried out here, and what the log should say about paths that get no access."""
    if sys.platform == "linux":
        from .. import landlock, prctl, seccomp
        from . import linux

        rules, notes = linux.rules(request, landlock.abi())
        system_calls = b""
        if request.level == "strict" and prctl.has_system_call_filters():
            system_calls = seccomp.strict_filter(udp=seccomp.DNS_PORT in request.connect)
        return Confinement(request, rules=(rules, system_calls)), notes
    if sys.platform == "win32":
        from . import windows

        writable = windows.select_writable(request)
        return Confinement(request, rules=writable.paths), writable.notes
    from . import macos

    wrapper, notes = macos.wrapper(request)
    return Confinement(request, wrapper=wrapper), notes


def is_allowed(request: SandboxRequest, path: str, *, write: bool) -> bool:
    """Whether the sandbox lets the backend read a path, or change it; True where that is not known."""
    if sys.platform == "linux":
        from . import linux

        return linux.is_allowed(request, path, write=write)
    if sys.platform == "win32":
        from . import windows

        return windows.is_allowed(request, path, write=write)
    return True
