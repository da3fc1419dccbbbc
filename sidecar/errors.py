"""All errors that a user can see: one class tree, a stable code per class, and always a remedy."""

from __future__ import annotations

# Imported before the hello frame is written: it imports nothing.
TYPE_CHECKING = False  # typing's own constant; importing typing would delay hello by 3 ms
if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal

    # How a request to the backend failed. "redirected" is a redirect that is not followed; "malformed" is not HTTP;
    # "no_endpoint" was never sent, because no path is configured for it, "not_sent" because no descriptor was left.
    HttpFailure = Literal[
        "refused", "unreachable", "timeout", "hang_up", "status", "redirected", "malformed", "too_large", "invalid_url",
        "no_endpoint", "not_sent",
    ]  # fmt: skip

PAGES = "https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs"
"""The address of the pages that messages name; an installed package does not include them."""

LIMIT_REMEDY = "The sidecar has reached a limit of its system: raise it (ulimit -n for open files, -u for processes, -v for memory), or close other programs."
LOOPBACK_REMEDY = "The loopback interface is down: bring it up (ip link set lo up), or start the container or sandbox with its own network."


def is_exhausted(error: BaseException) -> bool:
    """Whether the system ran out of descriptors, processes or memory."""
    import errno

    return isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class SidecarError(Exception):
    """The base class of all errors that a user can see."""

    code: ClassVar[str] = "INTERNAL"  # its stable name on the wire, for programs
    exit_status: ClassVar[int] = 70  # of the process, if this error ends it
    remedy: ClassVar[str] = "Check sidecar.log in the logs folder (paths.logs)."  # for any error of the class

    def __init__(self, message: str, *, hint: str | None = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message  # what went wrong and why, for people; the renderer sees it
        self.hint = hint if hint is not None else self.remedy  # what the user can do about this one
        self.data = data  # facts for programs, of the shape that the protocol page gives for the code


class UsageError(SidecarError):
    """The command line is not valid; reported on stderr before hello."""

    code = "USAGE"
    remedy = "Run sidecar --help or sidecar COMMAND --help for the options."
    exit_status = 64


class FrameError(SidecarError):
    """The byte stream is no longer a sequence of frames and cannot be resynchronised."""

    code = "FRAME_ERROR"
    remedy = "Restart the sidecar. If it happens again, look for something that prints to its stdin or stdout (a wrapper script, a shell profile)."
    exit_status = 65


class InvalidMessageError(SidecarError):
    """A well-framed body is not a valid message."""

    code = "INVALID_MESSAGE"
    remedy = f"Send a map of the shape that {PAGES}/protocol.md gives for its type."


class UnknownChannelError(SidecarError):
    """No channel has that name."""

    code = "UNKNOWN_CHANNEL"
    remedy = "The hello frame lists the channels; the app and the sidecar may have different versions."


class InvalidArgsError(SidecarError):
    """The channel does not accept these arguments."""

    code = "INVALID_ARGS"
    remedy = f"Send the arguments that {PAGES}/protocol.md#channels gives for the channel."


class DuplicateIdError(SidecarError):
    """A request uses the id of one that is still in flight."""

    code = "DUPLICATE_ID"
    remedy = "Do not reuse an id before its answer has arrived."


class TooManyRequestsError(SidecarError):
    """More requests are in flight than maxInFlight allows."""

    code = "TOO_MANY_REQUESTS"
    remedy = "Wait for answers before you send more; the hello frame has the limit (maxInFlight)."


class ResultTooLargeError(SidecarError):
    """The answer does not fit into one frame."""

    code = "RESULT_TOO_LARGE"
    remedy = "Request less at a time, or start the sidecar with a larger --max-frame."


class CancelledRequestError(SidecarError):
    """The caller, or a stop, cancelled the request."""

    code = "CANCELLED"
    remedy = "Send the request again if you still need the answer."


class ShuttingDownError(SidecarError):
    """The sidecar is shutting down and accepts no more requests."""

    code = "SHUTTING_DOWN"
    remedy = "Start the app again if you still need it."


class InternalError(SidecarError):
    """A bug in the sidecar."""

    code = "INTERNAL"
    remedy = "This is a bug in the sidecar. Please report it, with sidecar.log (from the folder paths.logs) or the bundle from 'sidecar doctor --bundle FILE.zip'."


class BackendNotFoundError(SidecarError):
    """The backend's executable does not exist. data: {path}."""

    code = "BACKEND_NOT_FOUND"
    remedy = "Check backend.command, or reinstall the app."


class BackendNotAFileError(SidecarError):
    """The backend's path is not a regular file. data: {path}."""

    code = "BACKEND_NOT_A_FILE"
    remedy = "Set backend.command to the program file itself."


class BackendNotExecutableError(SidecarError):
    """The backend's file is not executable, or the user may not execute it. data: {path}."""

    code = "BACKEND_NOT_EXECUTABLE"
    remedy = "Install the build of the backend that was made for this system and processor."


class SandboxUnavailableError(SidecarError):
    """The system cannot enforce all of sandbox.level, and sandbox.required is set. data: {level, missing: [name]}."""

    code = "SANDBOX_UNAVAILABLE"
    remedy = (
        f"Use a system that can enforce it ({PAGES}/sandbox.md), a lower sandbox.level, or sandbox.required = false."
    )


class BackendExitedError(SidecarError):
    """The backend exited before it was ready. data: {code, signal, text, output}."""

    code = "BACKEND_EXITED"
    remedy = "Check its last output; the crash report has all of it."


class StartupTimeoutError(SidecarError):
    """The backend was not ready in time. data: {timeout, output}."""

    code = "STARTUP_TIMEOUT"
    remedy = "Check its last output for what it waits for. If it only needs more time, raise timeouts.startup."


class PortInUseError(SidecarError):
    """Another program uses the port. data: {port, owner: {pid, name} or null}."""

    code = "PORT_IN_USE"
    remedy = 'Close the program that uses the port, or set backend.port to another number or "auto".'


class PortForbiddenError(SidecarError):
    """The system does not let the backend bind the port. data: {port, owner}."""

    code = "PORT_FORBIDDEN"
    remedy = 'Set backend.port to another number or "auto".'


class PortForeignError(SidecarError):
    """The backend runs, but another program listens on its port. data: {port, owner}."""

    code = "PORT_FOREIGN"
    remedy = 'Close the program that uses the port, or set backend.port to another number or "auto".'


class SocketUnusedError(SidecarError):
    """The backend does not use the passed socket (backend.socket = "pass"). data: {port, listening: [address:port]}."""

    code = "SOCKET_UNUSED"
    remedy = 'Make the backend listen on descriptor 3, or set backend.socket = "none".'


class StopFailedError(SidecarError):
    """Part of the backend's process tree survived the kill. data: {survivors: [{pid, name}]}."""

    code = "STOP_FAILED"
    remedy = "End the listed processes by hand."
    exit_status = 75


class RestartsExhaustedError(SidecarError):
    """The backend failed too often and will not restart automatically."""

    code = "RESTARTS_EXHAUSTED"
    remedy = "Check the crash report, then start the backend with backend:start."


class NotRunningError(SidecarError):
    """The backend is not running."""

    code = "NOT_RUNNING"
    remedy = "Start it with backend:start."


class NotManagedError(SidecarError):
    """The backend is not managed by this sidecar, only watched."""

    code = "NOT_MANAGED"
    remedy = "Start and stop it with the program that runs it, or set backend.managed = true."


class HttpFailedError(SidecarError):
    """A request to the backend failed. data: {status or null}."""

    code = "HTTP_FAILED"
    remedy = "Check the backend's last output, or run backend:diagnose."
    remedies: ClassVar[dict[str, str]] = {  # by kind
        "refused": "The backend is not running, or listens on another port.",
        "timeout": "The backend accepts connections but does not answer in time.",
        "hang_up": "The backend closed the connection before its answer was complete.",
        "malformed": "The program on that port does not speak HTTP.",
        "too_large": "The backend's answer is too large.",
    }

    def __init__(
        self,
        message: str,
        *,
        kind: HttpFailure = "unreachable",
        status: int | None = None,
        hint: str | None = None,
        location: str = "",
    ) -> None:
        super().__init__(message, hint=hint or self.remedies.get(kind), data={"status": status})
        self.kind: HttpFailure = kind  # programs decide by this, never by the message
        self.status = status  # the HTTP status that was not 2xx; None if there was no answer
        self.location = location  # the target of a redirect that is not followed


class UnsupportedError(SidecarError):
    """Not available on this platform."""

    code = "UNSUPPORTED"
    remedy = "This system does not support it."


class ElevationRefusedError(SidecarError):
    """The user declined the elevation prompt."""

    code = "ELEVATION_REFUSED"
    remedy = "Try again, or have an administrator run the command from backend:getFirewallCommand."


class InvalidConfigError(SidecarError):
    """The settings are wrong; the message lists the mistakes."""

    code = "INVALID_CONFIG"
    remedy = f"Correct the listed settings; see {PAGES}/settings.md."
    exit_status = 78
