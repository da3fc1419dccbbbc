"""The errors for callers whose wait fails."""

import re

from .. import errors
from ..backend.command import in_folder
from ..core.cause import Cause
from ..core.events import Conflict, Outcome, Reason
from ..core.exit_status import UNKNOWN
from ..plain import capitalised
from ..process.platform import SYSTEM
from ..process.platform.ports import FIRST_FREE_PORT
from ..settings.model import Settings
from .run import Run, places_of
from .unready import OTHER_PORT_REMEDY, SOCKET_REMEDY, explain_hung, explain_unready

_CLOSE_IT = 'Close that program, or set backend.port to another number or "auto".'
_LINGERING = 'No program uses the port. The system closes them within a minute or two; then start the backend again. A server that sets SO_REUSEADDR does not need to wait; backend.port = "auto" takes another port.'
_PRIVILEGED = 'Ports below 1024 need special rights here: set backend.port to a higher number or "auto".'
_RESERVED = 'The port lies in a range that the system reserves: set backend.port to another number or "auto".'
# Process names, truncated as on Linux, and the commands that start them.
_FORWARDERS = (
    "docker-pr", "com.docker", "vpnkit", "rootless", "slirp4", "pasta", "gvproxy", "conmon", "wslrelay", "ssh",
)  # fmt: skip
_FORWARDING_COMMANDS = frozenset({"docker", "podman", "nerdctl", "ssh", "kubectl", "wsl", "docker-compose"})
_FIX_IT = "Fix what its last output reports; the crash report has all of it."
_SAID_NOTHING = "It printed nothing. If the meaning of its exit status is known, the crash report gives it."
_ENDED_FOR: dict[Reason | None, str] = {
    Reason.STARTUP_TIMEOUT: "not ready in time",
    Reason.HUNG: "it hung: it stopped answering",
}
# Windows has no signals: Task Manager, taskkill, Node and Python end a program with 1, .NET and PowerShell with -1.
_OF_TERMINATED = {1, 0xFFFF_FFFF}
_PERHAPS_KILLED = "Check its last output in the crash report. If that shows no error, another program ended the backend: Task Manager, taskkill and most antivirus programs leave this exit code."
_LAST_OUTPUT = 8 * 1024  # characters of the backend's last output sent with an error; the crash report has all of it


def error_for(outcome: Outcome, run: Run | None, settings: Settings) -> errors.SidecarError:
    if outcome is Outcome.CANCELLED:
        hint = "Start the backend again if you still need it."
        return errors.CancelledRequestError("The start was cancelled by a stop", hint=hint)
    if outcome is Outcome.SHUTTING_DOWN:
        return errors.ShuttingDownError("The sidecar is shutting down")
    assert run is not None, "the outcomes below need a run"
    if outcome is Outcome.STOP_FAILED:
        return _stop_failed(run)
    if outcome is Outcome.STARTUP_TIMEOUT:
        return _not_in_time(run, settings)
    if outcome is Outcome.FOREIGN and run.conflict is not Conflict.PASSED:
        return port_foreign(run)
    return _exited(run, settings) if run.conflict is None else port_taken(run)


def _not_in_time(run: Run, settings: Settings) -> errors.SidecarError:
    why = explain_unready(run, settings)
    return errors.StartupTimeoutError(
        _in_folder(f"The backend was stopped. {why.cause}", run),
        hint=why.remedy,
        data={"timeout": settings.timeouts.startup, "output": run.output[-_LAST_OUTPUT:]},
    )


def still_waiting(limit: float, output: str) -> errors.SidecarError:
    """The caller's own timeout passed; the start continues."""
    return errors.StartupTimeoutError(
        f"The backend was not ready within {limit:g} s; it is still starting",
        hint="Call backend:waitForReady again, with a longer timeout or none.",
        data={"timeout": limit, "output": output[-_LAST_OUTPUT:]},
    )


def why_failed(run: Run, settings: Settings) -> errors.SidecarError:
    if run.error is not None:
        return run.error
    why = explain_by_facts(run, settings) or explain_by_output(run)
    text = f"The backend failed too often and will not restart automatically: {how_it_ended(run)}"
    hint = f"{why.remedy or 'Check the crash report.'} Then start it with backend:start."
    return errors.RestartsExhaustedError(f"{text}. {why.cause}" if why.cause else text, hint=hint)


def how_it_ended(run: Run) -> str:
    """Describes the end in a few words. If the sidecar stopped the run, gives the reason: the exit status would only describe the stop."""
    return _ENDED_FOR.get(run.ended_for) or (run.status or UNKNOWN).text


def explain_by_facts(run: Run, settings: Settings) -> Cause | None:
    """Explains why a run failed; returns None if only its output can."""
    if run.ended_for is Reason.STARTUP_TIMEOUT:
        return explain_unready(run, settings)
    if run.ended_for is Reason.HUNG:
        return explain_hung(run, settings)
    if run.over_memory is None and (run.listener == "foreign" or run.conflict is not None):
        error = port_foreign(run) if run.listener == "foreign" else port_taken(run)
        return Cause(error.message, error.hint, error.code.lower())
    from .early_end import explain_early_end  # a successful start never needs it

    return explain_early_end(run, settings)


def explain_by_output(run: Run) -> Cause:
    """Explains why a run ended from what it printed; the remedy is empty if none of that is recognised."""
    from ..core.last_line import quote_last  # a successful start never needs these three
    from ..observe.causes import guess
    from .early_end import explain_lost_worker

    status = run.status or UNKNOWN
    found = guess(run.output, status, port=run.port, oom=run.oom, since_ready=run.since_ready)
    found = found or explain_lost_worker(run)
    remedy = _PERHAPS_KILLED if SYSTEM == "win32" and status.code in _OF_TERMINATED else ""
    return found or Cause(capitalised(quote_last(run.output)), remedy, f"exit_{status.code}")


def port_foreign(run: Run) -> errors.SidecarError:
    """The run is alive, but another program listens on its port."""
    text = f"The backend runs, but port {run.port} belongs to {run.owner_text}"
    data = {"port": run.port, "owner": run.owner_data}
    return errors.PortForeignError(text, hint=_CLOSE_IT + _forwarding(run), data=data)


def _forwarding(run: Run) -> str:
    """Returns a hint if a forwarder may listen in the backend's place. It often belongs to another user, so its pid is unknown."""
    command = re.split(r"[\\\\/]", run.spec.command[0])[-1].removesuffix(".exe") if run.spec is not None else ""
    if not (run.owner_name.startswith(_FORWARDERS) or command in _FORWARDING_COMMANDS or run.owner_pid is None):
        return ""
    who = run.owner_name or "that program"
    return f' If {who} forwards the port to the backend (docker run -p, ssh -L), set backend.listener = "any".'


def port_taken(run: Run) -> errors.SidecarError:
    if run.conflict is Conflict.PASSED:
        return _socket_unused(run)
    data = {"port": run.port, "owner": run.owner_data}
    if run.conflict is Conflict.FORBIDDEN:
        text = f"The system does not let the backend listen on port {run.port}"
        hint = _PRIVILEGED if (run.port or 0) < FIRST_FREE_PORT else _RESERVED
        return errors.PortForbiddenError(text, hint=hint, data=data)
    text, hint = f"Port {run.port} is in use by {run.owner_text}", _CLOSE_IT
    if run.conflict is Conflict.LINGERING:
        text = (
            f"Connections of an earlier program are still closing on port {run.port}, and the backend cannot share it"
        )
        hint = _LINGERING
    return errors.PortInUseError(text, hint=hint, data=data)


def launch_defect(error: Exception) -> errors.SidecarError:
    """A launch failed for a reason that no other error covers."""
    if isinstance(error, OSError) and errors.is_exhausted(error):
        return errors.InternalError(f"The backend could not be started: {error.strerror}", hint=errors.LIMIT_REMEDY)
    return errors.InternalError(f"The backend could not be started: {error}")


def _socket_unused(run: Run) -> errors.SidecarError:
    if run.instead:
        did = f"it listens itself on {places_of(run.instead)}"
    else:
        did = "it closed it" if run.closed_socket else "it tried to listen there itself"
    other = any(port != run.port for _, port, *_ in run.instead)
    text = f"The sidecar passed the backend a socket that listens on port {run.port}, but the backend does not use it: {did}"
    data = {"port": run.port, "listening": [f"{address}:{port}" for address, port, *_ in run.instead]}
    return errors.SocketUnusedError(text, hint=SOCKET_REMEDY + (OTHER_PORT_REMEDY if other else ""), data=data)


def _exited(run: Run, settings: Settings) -> errors.SidecarError:
    from .early_end import explain_early_end

    status = run.status or UNKNOWN
    cause, remedy, *_ = explain_early_end(run, settings) or explain_by_output(run)
    text = _in_folder(f"The backend exited before it was ready: {status.text}", run) + (f". {cause}" if cause else "")
    facts = {"code": status.code, "signal": status.signal, "text": status.text, "output": run.output[-_LAST_OUTPUT:]}
    return errors.BackendExitedError(text, hint=remedy or (_FIX_IT if cause else _SAID_NOTHING), data=facts)


def _in_folder(message: str, run: Run) -> str:
    return message if run.spec is None else in_folder(message, run.spec.cwd)


def _stop_failed(run: Run) -> errors.SidecarError:
    names = ", ".join(f"{survivor.name} (pid {survivor.pid})" for survivor in run.survivors) or "its process"
    hint = "The system could not kill it: it hangs in the kernel, or belongs to another user. Kill it by hand."
    data = {"survivors": [{"pid": survivor.pid, "name": survivor.name} for survivor in run.survivors]}
    return errors.StopFailedError(f"Part of the backend is still running: {names}", hint=hint, data=data)
