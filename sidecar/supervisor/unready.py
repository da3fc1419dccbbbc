"""Why a run was not ready in time, or was ended as hung, from what was seen of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from ..backend.probe import ProbeResult
from ..backend.reported import lifetime_events
from ..core.bind_failure import any_bind_failure
from ..plain import capitalised
from ..process.base import ListeningSocket
from ..process.platform.ports import HAS_NOTIFICATIONS
from ..settings.model import Settings
from ..settings.servers import how_to_pass_port, port_in_command
from ..settings.texts import AUTO_PATH, HEALTH_PATHS
from .run import Run, is_reached, places_of

_PATTERN = "If its output contains the address, correct backend.reported_pattern."
_BUFFERED = (
    "Programs often buffer output that goes to a pipe: flush after printing the address, in Python with"
    " PYTHONUNBUFFERED=1 in [backend.env] or print(…, flush=True), in C and C++ with stdbuf -oL before the command."
)
_NO_READY = "Make it send READY=1 to NOTIFY_SOCKET; if it cannot, set backend.live_path, or backend.notify = false. A process that sends it and exits at once cannot be matched to the backend."
SOCKET_REMEDY = (
    "Make it listen on descriptor 3 (on Windows the handle in LISTEN_HANDLE): uvicorn --fd 3, gunicorn without options, server.listen({fd: 3}) in Node, UseSystemd() in"
    " ASP.NET Core, socket.socket(fileno=3) in Python; a script must start it with exec, so that LISTEN_PID is its own pid. If it"
    ' cannot, set backend.socket = "none".'
)
OTHER_PORT_REMEDY = " If that is a port for metrics or administration, set backend.live_path to a path that answers 2xx only on the passed socket."
_ONLY_LONGER = "Check its last output for what it waits for. If it only needs more time, raise timeouts.startup."
_UNIX_SOCKET = r"(?i)\bunix(?: domain)?(?::| socket)|\.sock\b"
_NO_SERVER = "Check that it runs a web server (a worker service has none) and listens on TCP, not on a Unix socket."

_PLAIN_HTTP = "Check whether it speaks HTTPS or another protocol on that port; it must speak plain HTTP on 127.0.0.1."
_PORT_ALONE = "or leave it empty: then the open port is enough."
_NO_LOGIN = f"Set backend.live_path to a path that needs no login, {_PORT_ALONE}"
_NO_HTTP = ("it listens on port {port}, but its answer to {path} is not HTTP ({error})", _PLAIN_HTTP)
_UNANSWERED = {
    "timeout": ("it listens on port {port} but does not answer {path} ({error})", "Check its last output for what it is doing. If it only answers slowly, raise health.probe_timeout."),
    "redirected": ("it listens on port {port}, and {path} leads from one redirect to the next ({error})", f"Set backend.live_path to a path that it answers itself, {_PORT_ALONE}"),
    "unreachable": ("it listens on port {port}, but 127.0.0.1 is unreachable ({error})", "Check for a firewall or VPN that filters 127.0.0.1, and for a loopback interface that is down: ip link set lo up"),
    "hang_up": ("it listens on port {port} but closes the connection before answering {path} ({error})", f"{_PLAIN_HTTP} Otherwise check its last output for an error."),
}  # fmt: skip
_STATUSES = {
    400: ("it rejects the request for {path} as bad", "Make it accept the host 127.0.0.1 (AllowedHosts of ASP.NET Core, ALLOWED_HOSTS of Django), and plain HTTP/1.1 on that port, neither HTTPS nor HTTP/2 alone."),
    401: ("it requires a login for {path}", _NO_LOGIN),
    403: ("it denies access to {path}", f"{_NO_LOGIN} Or make it accept requests from 127.0.0.1, if it filters by address or host."),
    405: ("its {path} does not accept GET", f"Set backend.live_path to a path that accepts GET, {_PORT_ALONE}"),
    410: ("its {path} is gone", f"Correct backend.live_path, {_PORT_ALONE}"),
    421: ("it does not answer for the host 127.0.0.1 at {path}", "Make it accept the host 127.0.0.1."),
    426: ("it requires another protocol for {path}", f"Make it answer plain HTTP, or set backend.live_path to a path that does, {_PORT_ALONE}"),
    429: ("it limits how often {path} may be requested", f"Exempt that path, or requests from 127.0.0.1, from its rate limit; or set backend.live_path to a path without one, {_PORT_ALONE}"),
}  # fmt: skip
_PASSING = {408, 409, 425}  # of the client's errors those that end by themselves
_SETTLED = {501, 505, 511}  # of the server's errors those that do not


class Unready(Struct, frozen=True):
    """Cause and remedy, one sentence or two each, and a stable name of the cause."""

    cause: str
    remedy: str
    kind: str = "startup_timeout"


def explain_unready(run: Run, settings: Settings) -> Unready:
    """What kept the run from being ready: from its port, where its tree listened, its last answer and its output."""
    from ..core.last_line import quote_last  # not needed by a start that succeeds

    seen, remedy = what_is_missing(run, settings)
    words = quote_last(run.output, only_errors=bool(run.listening))
    said = f" {capitalised(words)}" if words else ""
    return Unready(f"It was not ready within timeouts.startup ({settings.timeouts.startup:g} s): {seen}.{said}", remedy)


def explain_hung(settings: Settings, why: str = "") -> Unready:
    """A run that was ready does not answer any more, or its watchdog says ``why``."""
    if why:
        return Unready(
            f"Its own watchdog reports a hang: {why}.",
            "Check its last output for what it was doing. If it is only slow, raise health.watchdog.",
            "hung",
        )
    health, path = settings.health, settings.backend.health_path or settings.backend.live_path
    return Unready(
        f"It did not answer {health.failures} checks of {path} in a row, each within {health.probe_timeout:g} s.",
        "Check its last output for what it was doing. If it is only slow, raise health.probe_timeout or health.failures.",
        "hung",
    )


def what_is_missing(run: Run, settings: Settings) -> tuple[str, str]:
    """Finding and fix about it, as for explain_unready."""
    seen, remedy = _what_is_missing(run, settings)
    if "started" not in lifetime_events(settings.profile, run.output):  # our own stop may have followed
        return seen, remedy
    serves_nothing = remedy == _ONLY_LONGER and run.last_answer is None
    return f"the app reports that it has started, but {seen}", _NO_SERVER if serves_nothing else remedy


def _what_is_missing(run: Run, settings: Settings) -> tuple[str, str]:
    port, listening, last_answer = run.port, run.listening, run.last_answer
    handed = _unused(settings, port, last_answer)
    if handed is not None:
        return handed
    if port is None:
        return _unreported(listening, silent=not run.output)
    if last_answer is not None:
        path = settings.backend.live_path
        return _answered(" or ".join(HEALTH_PATHS) if path == AUTO_PATH else path, port, last_answer)
    if listening:
        return _misplaced(settings, port, listening)
    return other_port_taken(run, settings) or (f"nothing listens on port {port}", _how_to_listen(run, settings))


def _how_to_listen(run: Run, settings: Settings) -> str:
    if re.search(_UNIX_SOCKET, run.output):
        return f"Make it listen on TCP instead of a Unix socket: {how_to_pass_port(settings.backend.command)}."
    return _ONLY_LONGER


def other_port_taken(run: Run, settings: Settings) -> tuple[str, str] | None:
    """It says that it could not listen, on a port that is not its own; None: it says nothing of that."""
    failure = any_bind_failure(run.output)
    if failure is None or failure[0] != "in_use":
        return None
    command = settings.backend.command
    port = failure[1] or port_in_command(command)
    if port == run.port:
        return None
    where = f"port {port}, which another program uses" if port else "a port that another program uses"
    return (
        f"it tried to listen on {where}, instead of its port {run.port}",
        f"Close that program, or pass the backend the port: {how_to_pass_port(command, [port] if port else [])}.",
    )


def _misplaced(settings: Settings, port: int, listening: Sequence[ListeningSocket]) -> tuple[str, str]:
    """It listens, but not on its port of 127.0.0.1."""
    how = how_to_pass_port(settings.backend.command, [socket.port for socket in listening])
    mine = [socket for socket in listening if socket.port == port]
    if not mine and any(map(is_reached, listening)):
        if settings.backend.port == "reported":
            return f"it listens on {places_of(listening)}, and printed port {port}", _PATTERN
        return (
            f"it listens on {places_of(listening)} instead of its port {port}",
            f'Pass it the port: {how}; or set backend.port to its own port, or to "reported".',
        )
    remedy = "Make it listen on 127.0.0.1" + ("." if mine else f" and pass it the port: {how}.")
    if any(socket.address == "::1" for socket in listening):
        remedy += " Node takes localhost for [::1] unless NODE_OPTIONS has --dns-result-order=ipv4first."
    return (
        f"it listens on {places_of(mine or listening)}, which 127.0.0.1 does not reach",
        f"{remedy} Check its command, environment and settings for another address or localhost.",
    )


def _unused(settings: Settings, port: int | None, last_answer: ProbeResult | None) -> tuple[str, str] | None:
    """What it did not use of what it was handed; None: nothing is known of that."""
    backend = settings.backend
    if backend.notify and not backend.live_path and HAS_NOTIFICATIONS:
        return "it sent no READY=1", _NO_READY
    if backend.socket == "pass" and (last_answer is None or last_answer.kind == "timeout"):
        return f"it has not answered on the socket that was passed to it (port {port})", SOCKET_REMEDY
    return None


def _unreported(listening: Sequence[ListeningSocket] | None, *, silent: bool) -> tuple[str, str]:
    if not listening:
        return (
            "it printed no address that matches backend.reported_pattern",
            "Correct backend.reported_pattern, or give the backend a port: set backend.port and use {port} in its command or [backend.env].",
        )
    where = places_of(listening)
    if silent:
        return f"it listens on {where} and printed nothing", f"{_BUFFERED} {_PATTERN}"
    return (
        f"it listens on {where} and printed no address that matches backend.reported_pattern",
        f"{_PATTERN} {_BUFFERED}",
    )


def _answered(path: str, port: int, answer: ProbeResult) -> tuple[str, str]:
    if answer.status == 404:
        return (
            f"it listens on port {port} and has no {path} (status 404)",
            "Correct backend.live_path, or leave it empty: then the open port is enough.",
        )
    if answer.status is not None:
        seen, remedy = _judge_status(answer.status, path, answer.location)
        return f"it listens on port {port}, and {seen}", remedy
    seen, remedy = _UNANSWERED.get(answer.kind or "", _NO_HTTP)
    return seen.format(port=port, path=path, error=answer.error), remedy


def _judge_status(status: int, path: str, location: str) -> tuple[str, str]:
    """What a status says that is not 2xx; those that waiting cannot fix have their own remedy."""
    if location.lower().startswith("https:"):
        return (
            f"it redirects {path} to HTTPS (status {status}, {location})",
            "Make it answer plain HTTP on 127.0.0.1: remove UseHttpsRedirection (ASP.NET Core), SECURE_SSL_REDIRECT (Django) or similar.",
        )
    if location:
        return (
            f"it redirects {path} to another server (status {status}, {location})",
            f"Set backend.live_path to a path that it answers itself, {_PORT_ALONE}",
        )
    known = _STATUSES.get(status)
    if known is None and (status < 500 or status in _SETTLED) and status not in _PASSING:
        return (
            f"it answers {path} with status {status}, and waiting will not change that",
            f"Set backend.live_path to a path that answers GET with a status 2xx, {_PORT_ALONE}",
        )
    if known is None:
        return f"its last answer to {path} was status {status}", _ONLY_LONGER
    return f"{known[0].format(path=path)} (status {status})", known[1]
