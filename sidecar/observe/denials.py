"""Explains what a sandbox denied: the last output names a path or a port, the rules decide whether it was the sandbox."""

import os
import re

from ..core.bind_failure import any_bind_failure
from ..core.cause import Cause
from ..process.base import SandboxRequest
from ..process.sandbox import is_allowed
from ..process.seccomp import DNS_PORT
from .fatal import find

_LAST_WORDS = 4096  # characters; a denial that the backend logged and survived explains no later end
# CPython; Node; .NET; then C, Go and shells, which put the path first; scripts and libraries; Java; Ruby; PHP; Deno, Rust's tempfile
_PATHS = (
    r"(?:permission denied|operation not permitted|invalid cross-device link): '([^'\n]+)'(?: -> '([^'\n]+)')?",
    r"(?:EACCES|EPERM|EXDEV): [^\n,]+, \w+ '([^'\n]+)'(?: -> '([^'\n]+)')?",
    r"access to the path '([^'\n]+)' is denied",
    r"(?<![^\s'\"(`])(/[^\s:'\"`]+)['\"`]?: (?:permission denied|operation not permitted|invalid cross-device link)",
    r"can't open (?:file|perl script) ['\"]([^'\"\n]+)['\"]: (?:\[Errno \d+\] )?permission denied",
    r"(/[^\s:'\"]+): (?:cannot open shared object file|failed to map segment from shared object): (?:permission denied|operation not permitted)",
    r"Exception: ([^\n:]+) \(permission denied\)|AccessDeniedException: ([^\n:]+)",
    r"permission denied (?:@ \w+ - |-- )(/[^\n(]+?) \(",
    r"\((/[^\n)]+)\): failed to open stream: permission denied",
    r"permission denied \(os error 13\)(?:, \w+ '([^'\n]+)'| at path \"([^\"\n]+)\")",
)
# Node: "connect EACCES 1.2.3.4:443"; Go: "dial tcp 1.2.3.4:443: connect: permission denied"; .NET: "Permission denied (host:443)"
_CONNECT = r"connect EACCES \S+:(\d{1,5})\b|dial tcp[46]? \S+:(\d{1,5}): connect: permission denied|permission denied \(\S+:(\d{1,5})\)"

_UNNAMED_DENIAL = r"permission ?denied|operation not permitted|access is denied|(?-i:\bE(?:ACCES|PERM)\b)"
_NO_NAMES = r"EAI_AGAIN|name resolution|name or service not known|getaddrinfo ENOTFOUND|: no such host\b"
_KIND = "sandbox_denied"
_CONNECTION = Cause("The sandbox blocked a connection of the backend to TCP port {port}.", "If the backend needs it, add {port} to sandbox.connect.", _KIND)  # fmt: skip
_NAMES = Cause("The backend could not resolve a host name, because the sandbox blocks DNS.", "If it needs to reach other machines, add 53 and their ports to sandbox.connect.", _KIND)  # fmt: skip
_LISTENING = Cause("The sandbox blocked the backend from listening on {other}; it may only listen on {port}.", "Make it listen on the port that it is given ({{port}} in backend.command, or the variable PORT), or set backend.port to its own port.", _KIND)  # fmt: skip
_READING = Cause("The sandbox denied the backend access to {path}.", "If the backend needs it, add the path or a parent folder to sandbox.read, or to sandbox.write if it changes it.", _KIND)  # fmt: skip
_WRITING = Cause("The sandbox denied the backend write access to {path}.", "If the backend needs it, add the path or a parent folder to sandbox.write.", _KIND)  # fmt: skip
_UNNAMED = Cause("The backend was denied access to a file that its output does not name, most likely by the sandbox.", 'Start it once with sandbox.level = "off". If it runs then, add the folder that it needs to sandbox.write: "/dev/shm" for Python\'s multiprocessing and Chromium, "/tmp" for a program that does not use TMPDIR.', _KIND)  # fmt: skip


def explain_denial(output: str, request: SandboxRequest) -> Cause | None:
    """What the sandbox denied, according to the end of the output; None if it was not the sandbox, or nothing is named."""
    fatal = find(output)
    text = fatal.text if fatal is not None else output[-_LAST_WORDS:]
    if request.level == "strict" and (found := re.findall(_CONNECT, text, re.IGNORECASE)):
        port = int("".join(found[-1]))
        if port not in request.connect:
            return _CONNECTION.filled(port=port)
    if request.level == "strict" and DNS_PORT not in request.connect and re.search(_NO_NAMES, text, re.IGNORECASE):
        return _NAMES
    paths = _named_paths(text, request.cwd)
    for path in paths:
        if (cause := _explain_path(path, request)) is not None:
            return cause
    failure = any_bind_failure(text)
    if failure is not None and failure[0] == "forbidden" and request.port and failure[1] != request.port:
        other = f"TCP port {failure[1]}" if failure[1] else "another TCP port"
        return _LISTENING.filled(other=other, port=request.port)
    if paths or failure is not None or re.search(_CONNECT, text, re.IGNORECASE):
        return None
    return _UNNAMED if re.search(_UNNAMED_DENIAL, text, re.IGNORECASE) else None


def _named_paths(text: str, cwd: str) -> list[str]:
    """Paths in messages about a denial, the last message first."""
    found = [match for pattern in _PATHS for match in re.finditer(pattern, text, re.IGNORECASE)]
    found.sort(key=lambda match: -match.start())
    return [os.path.normpath(os.path.join(cwd, path)) for match in found for path in reversed(match.groups()) if path]  # noqa: PTH118 -- strings


def _explain_path(path: str, request: SandboxRequest) -> Cause | None:
    """The cause if the path is outside the sandbox and the user may use it; otherwise None, because the system denied it."""
    there = path
    while not os.path.lexists(there) and there != os.path.dirname(there):  # noqa: PTH120 -- strings
        there = os.path.dirname(there)  # noqa: PTH120 -- strings
    if not is_allowed(request, path, write=False) and os.access(there, os.R_OK):
        return _READING.filled(path=path)
    if not is_allowed(request, path, write=True) and os.access(there, os.W_OK):
        return _WRITING.filled(path=path)
    return None
