"""Why a run was not ready in time or was stopped as hung, from what was seen of it. Pure."""

import re
from collections.abc import Sequence

from ..backend.probe import ProbeResult
from ..backend.reported import debugger_ports, lifetime_events
from ..core.bind_failure import any_bind_failure
from ..core.cause import Cause
from ..process.base import ListeningSocket
from ..process.platform.ports import CHOSEN_BY_SYSTEM, HAS_NOTIFICATIONS
from ..settings.model import Settings
from ..settings.servers import how_to_pass_port, port_in_command
from ..settings.texts import named
from .run import Run, is_reached, places_of

_PATTERN = "If its output contains the address, correct backend.reported_pattern."
_BUFFERED = (
    "Programs often buffer output that goes to a pipe: flush after printing the address, in Python with"
    " PYTHONUNBUFFERED=1 in backend.env or print(…, flush=True), in C and C++ with stdbuf -oL before the command."
)
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
_NO_REDIRECT = f"Set backend.live_path to a path that it answers itself, {_PORT_ALONE}"
# What was seen, as part of a sentence, and what to do about it
_FOUND = {
    "not_notified": Cause("it sent no READY=1", "Make it send READY=1 to NOTIFY_SOCKET; if it cannot, set backend.live_path, or backend.notify = false. A process that sends it and exits at once cannot be matched to the backend."),
    "unreported": Cause("it printed no address that matches backend.reported_pattern", "Correct backend.reported_pattern, or give the backend a port: set backend.port and use {{port}} in its command or backend.env."),
    "silent": Cause("it listens on {where} and printed nothing", f"{_BUFFERED} {_PATTERN}"),
    "unmatched": Cause("it listens on {where} and printed no address that matches backend.reported_pattern", f"{_PATTERN} {_BUFFERED}"),
    "misreported": Cause("it listens on {where}, and printed port {port}", _PATTERN),
    "other_port": Cause("it listens on {where} instead of its port {port}", 'Pass it the port: {how}; or set backend.port to its own port, or to "reported".'),
    "debugger": Cause("it listens only for a debugger, on {where}, and not on its port {port}", "If it waits for one, attach it, or start the backend without that: --inspect instead of --inspect-brk in Node, suspend=n in Java, without --wait-for-client in Python. Otherwise check its last output for what it waits for."),
    "other_port_taken": Cause("it tried to listen on {where}, instead of its port {port}", "Close that program, or pass the backend the port: {how}.", "port_in_use"),
    "unix_socket": Cause("nothing listens on port {port}, but it listens on the Unix socket {path}", "If it serves there, make it listen on TCP instead: {how}. Otherwise check its last output; if it only needs more time, raise timeouts.startup."),
    "other_port_forbidden": Cause("it tried to listen on {where}, instead of its port {port}", "Pass the backend the port: {how}.", "port_forbidden"),
    "late": Cause("it listens on port {port}, but began to only now", "If it only needs more time, raise timeouts.startup."),
    "unreached": Cause("it listens on {where}, which 127.0.0.1 does not reach", "Make it listen on 127.0.0.1{how} Check its command, environment and settings for another address or localhost."),
    "timeout": Cause("it listens on port {port} but does not answer {path} ({error})", "Check its last output for what it is doing. If it only answers slowly, raise health.probe_timeout."),
    "refused": Cause("it listened on port {port} but no longer does ({error})", "Check its last output for why it closed the port, or listens elsewhere."),
    "redirected": Cause("it listens on port {port}, and {path} redirects in a loop ({error})", _NO_REDIRECT),
    "unreachable": Cause("it listens on port {port}, but 127.0.0.1 is unreachable ({error})", "Check for a firewall or VPN that filters 127.0.0.1, and for a loopback interface that is down: ip link set lo up"),
    "hang_up": Cause("it listens on port {port} but closes the connection before answering {path} ({error})", f"{_PLAIN_HTTP} Otherwise check its last output for an error."),
    "no_http": Cause("it listens on port {port}, but its answer to {path} is not HTTP ({error})", f"{_PLAIN_HTTP} If it serves no HTTP/1.1 at all (gRPC, a database), leave backend.live_path empty: then the open port is enough."),
    "to_https": Cause("it listens on port {port}, and it redirects {path} to HTTPS (status {status}, {location})", "Make it answer plain HTTP on 127.0.0.1: remove UseHttpsRedirection (ASP.NET Core), SECURE_SSL_REDIRECT (Django) or similar."),
    "to_another": Cause("it listens on port {port}, and it redirects {path} to another server (status {status}, {location})", _NO_REDIRECT),
    "passing": Cause("it listens on port {port}, and its last answer to {path} was status {status}", _ONLY_LONGER),
    "lasting": Cause("it listens on port {port}, and it answers {path} with status {status}, which waiting will not change", f"Set backend.live_path to a path that answers GET with a status 2xx, {_PORT_ALONE}"),
    400: Cause("it listens on port {port}, and it rejects the request for {path} as bad (status 400)", "Make it accept the host 127.0.0.1 (AllowedHosts of ASP.NET Core, ALLOWED_HOSTS of Django), and plain HTTP/1.1 on that port, neither HTTPS nor HTTP/2 alone."),
    401: Cause("it listens on port {port}, and it requires a login for {path} (status 401)", _NO_LOGIN),
    403: Cause("it listens on port {port}, and it denies access to {path} (status 403)", f"{_NO_LOGIN} Or make it accept requests from 127.0.0.1, if it filters by address or host."),
    404: Cause("it listens on port {port} and has no {path} (status 404)", f"Correct backend.live_path, {_PORT_ALONE}"),
    405: Cause("it listens on port {port}, and its {path} does not accept GET (status 405)", f"Set backend.live_path to a path that accepts GET, {_PORT_ALONE}"),
    410: Cause("it listens on port {port}, and its {path} is gone (status 410)", f"Correct backend.live_path, {_PORT_ALONE}"),
    421: Cause("it listens on port {port}, and it does not answer for the host 127.0.0.1 at {path} (status 421)", "Make it accept the host 127.0.0.1."),
    426: Cause("it listens on port {port}, and it requires another protocol for {path} (status 426)", f"Make it answer plain HTTP, or set backend.live_path to a path that does, {_PORT_ALONE}"),
    429: Cause("it listens on port {port}, and it limits how often {path} may be requested (status 429)", f"Exempt that path, or requests from 127.0.0.1, from its rate limit; or set backend.live_path to a path without one, {_PORT_ALONE}"),
    "watchdog": Cause("Its own watchdog reports a hang: {why}.", "Check its last output for what it was doing. If it is only slow, raise health.watchdog.", "hung"),
    "lost": Cause("It could not be reached any more: {why}.", "Check its last output: its server may have ended or hung while its first process went on.", "hung"),
    "hung": Cause("It did not answer {failures} checks of {path} in a row, each within {seconds:g} s.", "Check its last output for what it was doing. If it is only slow, raise health.probe_timeout or health.failures.", "hung"),
}  # fmt: skip
_OTHER_PORTS = {
    "in_use": ("other_port_taken", "another program uses"),
    "forbidden": ("other_port_forbidden", "the system does not let it use"),
}
_PASSING = {408, 409, 425}  # 4xx statuses that pass by themselves
_SETTLED = {501, 505, 511}  # 5xx statuses that do not


def explain_unready(run: Run, settings: Settings) -> Cause:
    """Explains what kept the run from being ready, from its port, where its tree listened, its last answer and its output."""
    from ..core.last_line import say_last  # a successful start never needs it

    seen, remedy = what_is_missing(run, settings)
    # The Unix socket may be that of a launcher, which waits for a change of the files of its ended server.
    is_silent = remedy == _ONLY_LONGER or (run.unix_socket and run.unix_socket in seen)
    cause = (what_was_denied(run) or what_it_says(run.output, run.port)) if is_silent else None
    if cause is not None:
        said, remedy = f" {cause.cause}", cause.remedy
    else:
        said = say_last(run.output, only_errors=bool(run.listening))
    text = f"It was not ready within timeouts.startup ({settings.timeouts.startup:g} s): {seen}.{said}"
    return Cause(text, remedy, "startup_timeout")


def what_it_says(output: str, port: int | None) -> Cause | None:
    """Returns what a running program says is wrong: a reloader waits for files to change, a manager for its other programs."""
    from ..core.last_line import last_line
    from ..observe.causes import from_words  # only a failed start needs them

    return from_words(output, port=port) if last_line(output)[1] else None


def what_was_denied(run: Run) -> Cause | None:
    """Returns what the sandbox denied the run according to its last output; None also without a sandbox."""
    confinement = run.spec.confinement if run.spec is not None else None
    if confinement is None or confinement.request is None:
        return None
    from ..observe.denials import explain_denial

    return explain_denial(run.output, confinement.request)


def explain_hung(run: Run, settings: Settings) -> Cause:
    """Explains why a run that was ready counts as hung: it stopped answering, lost its port, or its watchdog says so."""
    health, path = settings.health, settings.backend.health_path or settings.backend.live_path
    facts = {"why": run.hung or run.lost, "failures": health.failures, "path": named(path)}
    kind = "watchdog" if run.hung else "lost" if run.lost else "hung"
    return _FOUND[kind].filled(**facts, seconds=health.probe_timeout)


def what_is_missing(run: Run, settings: Settings) -> tuple[str, str]:
    seen, remedy, *_ = run.obstacle or _what_is_missing(run, settings)
    if "started" not in lifetime_events(settings.profile, run.output):  # our own stop may have come after it
        return seen, remedy
    serves_nothing = remedy == _ONLY_LONGER and run.last_answer is None
    return f"the app reports that it has started, but {seen}", _NO_SERVER if serves_nothing else remedy


def _what_is_missing(run: Run, settings: Settings) -> Cause:
    backend, port, listening, last_answer = settings.backend, run.port, run.listening, run.last_answer
    if backend.notify and not backend.live_path and HAS_NOTIFICATIONS:
        return _FOUND["not_notified"]
    if backend.socket == "pass" and (last_answer is None or last_answer.kind == "timeout"):
        return Cause(f"it has not answered on the socket that was passed to it (port {port})", SOCKET_REMEDY)
    if port is None:
        kind = "unreported" if not listening else "unmatched" if run.output else "silent"
        return _FOUND[kind].filled(where=places_of(listening or ()))
    if last_answer is not None:
        path = named(backend.live_path)
        facts = {"status": last_answer.status, "location": last_answer.location, "error": last_answer.error}
        return _FOUND[_judge(last_answer)].filled(port=port, path=path, **facts)
    if listening:
        return _misplaced(run, settings, port, listening)
    return other_port_taken(run, settings) or _silent(run, how_to_pass_port(settings))


def _silent(run: Run, how: str) -> Cause:
    if run.unix_socket:
        return _FOUND["unix_socket"].filled(port=run.port, path=run.unix_socket, how=how)
    remedy = f"Make it listen on TCP instead of a Unix socket: {how}." if says_unix_socket(run.output) else _ONLY_LONGER
    worked = f", and its processes used {run.worked:.0f} s of processor time" if run.worked >= 1 else ""
    return Cause(f"nothing listens on port {run.port}{worked}", remedy)


def says_unix_socket(output: str) -> bool:
    """Whether the output mentions a Unix socket, on which the backend may listen instead of a port."""
    return re.search(_UNIX_SOCKET, output) is not None


def other_port_taken(run: Run, settings: Settings) -> Cause | None:
    """Returns the cause if the run printed that it could not listen on a port other than its own."""
    failure = any_bind_failure(run.output)
    if failure is None or (failure[0] == "forbidden" and run.spec is not None and run.spec.confinement is not None):
        return None  # a denial by its sandbox has its own remedy
    command = settings.backend.command
    port = failure[1] or port_in_command(command)
    if port == run.port:
        return None
    kind, which = _OTHER_PORTS[failure[0]]
    where = f"port {port}, which {which}" if port else f"a port that {which}"
    how = how_to_pass_port(settings, [port] if port else [])
    return _FOUND[kind].filled(where=where, port=run.port, how=how)


def _misplaced(run: Run, settings: Settings, port: int, listening: Sequence[ListeningSocket]) -> Cause:
    ports = [socket.port for socket in listening]
    debuggers = debugger_ports(run.output, settings.backend.command).intersection(ports)
    if debuggers and all(other in debuggers or other >= CHOSEN_BY_SYSTEM for other in ports):
        where = places_of([socket for socket in listening if socket.port in debuggers])
        return _FOUND["debugger"].filled(where=where, port=port)
    how = how_to_pass_port(settings, ports)
    mine = [socket for socket in listening if socket.port == port]
    if not mine and any(map(is_reached, listening)):
        kind = "misreported" if settings.backend.port == "reported" else "other_port"
        return _FOUND[kind].filled(where=places_of(listening), port=port, how=how)
    if any(map(is_reached, mine)):  # not probed yet
        return _FOUND["late"].filled(port=port)
    how = "." if mine else f" and pass it the port: {how}."
    if any(socket.address == "::1" for socket in listening):
        how += " Node takes localhost for [::1] unless NODE_OPTIONS has --dns-result-order=ipv4first."
    return _FOUND["unreached"].filled(where=places_of(mine or listening), how=how)


def _judge(answer: ProbeResult) -> str | int:
    """Classifies an answer that is not 2xx; answers that waiting cannot fix have their own remedy."""
    status = answer.status
    if status is None:
        return answer.kind if answer.kind is not None and answer.kind in _FOUND else "no_http"
    if status != 404 and answer.location:
        return "to_https" if answer.location.lower().startswith("https:") else "to_another"
    if status in _FOUND:
        return status
    return "lasting" if (status < 500 or status in _SETTLED) and status not in _PASSING else "passing"
