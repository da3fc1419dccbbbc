"""What a level of the sandbox means on macOS: a profile for sandbox-exec(1), in its own language.

Apple documents neither; what stands here are the words of its own profiles (/System/Library/Sandbox/Profiles). A rule that
comes later wins. Paths have to be those without links, as in /private/tmp.
"""

from __future__ import annotations

import os

from ..base import SandboxRequest
from . import folders

PROGRAM = "/usr/bin/sandbox-exec"
PROTECTIONS = frozenset({"write", "truncate", "bind", "signals", "connect"})
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper")


def wrapper(request: SandboxRequest) -> tuple[tuple[str, ...], list[str]]:
    """What goes in front of the command, and what the log should say about paths that get no access."""
    writable = folders.select_writable([*request.folders, *request.write])
    return (PROGRAM, "-p", profile(request, writable.paths)), writable.notes


def profile(request: SandboxRequest, writable: list[str]) -> str:
    """The profile."""
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
