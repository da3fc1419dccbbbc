"""Every error that a user can meet: one tree, one stable code a class.

Floor 0, and imported before the hello frame is written: it imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without the 3 ms that importing typing takes before hello
if TYPE_CHECKING:
    from typing import Any, ClassVar


class SidecarError(Exception):
    """The root of the tree.

    Attributes:
        code: the stable name of the error on the wire, for programs.
        exit_status: what the process exits with when this error ends it.
        message: what went wrong and why, for people; it is what the renderer sees.
        hint: what the user can do about it, or None.
        data: facts for programs, of the shape that the protocol page gives for the code, or None.
    """

    code: ClassVar[str] = "INTERNAL"
    exit_status: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data


class UsageError(SidecarError):
    """The command line cannot be understood; told on stderr before hello."""

    code = "USAGE"
    exit_status = 64


class FrameError(SidecarError):
    """The byte stream is no longer a sequence of frames and cannot be resynchronised."""

    code = "FRAME_ERROR"
    exit_status = 65


class InvalidMessageError(SidecarError):
    """A well-framed body is no valid message."""

    code = "INVALID_MESSAGE"


class UnknownChannelError(SidecarError):
    """No channel has that name."""

    code = "UNKNOWN_CHANNEL"


class InvalidArgsError(SidecarError):
    """The channel exists and does not take these arguments."""

    code = "INVALID_ARGS"


class DuplicateIdError(SidecarError):
    """A request uses the id of one that is still in flight."""

    code = "DUPLICATE_ID"


class TooManyRequestsError(SidecarError):
    """More requests are in flight than maxInFlight allows."""

    code = "TOO_MANY_REQUESTS"


class ResultTooLargeError(SidecarError):
    """The answer does not fit into one frame."""

    code = "RESULT_TOO_LARGE"


class CancelledRequestError(SidecarError):
    """The caller, or a stop, cancelled the request."""

    code = "CANCELLED"


class ShuttingDownError(SidecarError):
    """The sidecar is going away and takes no more work."""

    code = "SHUTTING_DOWN"


class InternalError(SidecarError):
    """A defect in the sidecar."""

    code = "INTERNAL"


class BackendNotFoundError(SidecarError):
    """The backend's executable does not exist. data: {path}."""

    code = "BACKEND_NOT_FOUND"


class BackendNotAFileError(SidecarError):
    """The backend's path is no regular file. data: {path}."""

    code = "BACKEND_NOT_A_FILE"


class BackendNotExecutableError(SidecarError):
    """The backend's file may not be, or cannot be, executed. data: {path}."""

    code = "BACKEND_NOT_EXECUTABLE"


class BackendExitedError(SidecarError):
    """The run ended before it was ready. data: {code, signal, text, output}."""

    code = "BACKEND_EXITED"


class StartupTimeoutError(SidecarError):
    """The run was not ready in time. data: {timeout, output}."""

    code = "STARTUP_TIMEOUT"


class PortInUseError(SidecarError):
    """Somebody holds the port already. data: {port, owner: {pid, name} or null}."""

    code = "PORT_IN_USE"


class PortForbiddenError(SidecarError):
    """The system does not let the backend bind the port. data: {port, owner}."""

    code = "PORT_FORBIDDEN"


class PortForeignError(SidecarError):
    """The backend lives, and somebody else listens on its port. data: {port, owner}."""

    code = "PORT_FOREIGN"


class StopFailedError(SidecarError):
    """Part of the backend's process tree survived the kill. data: {survivors: [{pid, name}]}."""

    code = "STOP_FAILED"
    exit_status = 75


class RestartBudgetSpentError(SidecarError):
    """The backend failed too often; it is not started again by itself."""

    code = "RESTART_BUDGET_SPENT"


class NotRunningError(SidecarError):
    """There is no run of the backend."""

    code = "NOT_RUNNING"


class NotManagedError(SidecarError):
    """The backend belongs to somebody else and is only watched."""

    code = "NOT_MANAGED"


class HttpFailedError(SidecarError):
    """A request to the backend failed. data: {status or null}."""

    code = "HTTP_FAILED"


class UnsupportedError(SidecarError):
    """This platform does not have it."""

    code = "UNSUPPORTED"


class ElevationRefusedError(SidecarError):
    """The user declined the elevation prompt."""

    code = "ELEVATION_REFUSED"


class InvalidConfigError(SidecarError):
    """The settings are wrong; the message lists every mistake."""

    code = "INVALID_CONFIG"
    exit_status = 78
