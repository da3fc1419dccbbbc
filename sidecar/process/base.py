"""What the supervisor needs from a platform; posix.py and windows/layer.py implement it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

from ..core.exit_status import ExitStatus
from .spec import LaunchSpec

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # making a real one takes 0.1 ms of a start


class Survivor(Struct, frozen=True):
    """A process of the tree that did not die, or had to be killed."""

    pid: int
    name: str


class ProcessId(NamedTuple):
    """The identity of a process: a pid alone may be reused. ``started`` is the system's own start time, compared for equality only."""

    pid: int
    started: float


class ListeningSocket(NamedTuple):
    """A listening TCP socket; ``pid`` is None if the system does not report the owner, ``only_ipv6``: IPV6_V6ONLY is set.

    ``shared``: another process also listens on the port (SO_REUSEPORT) and may get its connections; Linux only.
    """

    address: str
    port: int
    pid: int | None
    only_ipv6: bool = False
    shared: bool = False


class SandboxRequest(Struct, frozen=True):
    """What a sandbox allows the backend; all paths are absolute."""

    level: Literal["standard", "strict"]  # sandbox.level; never off
    folders: tuple[str, ...]  # data, logs and temp
    write: tuple[str, ...]  # further paths that it may write
    read: tuple[str, ...]  # further paths that it may read
    port: int | None  # that it may bind; None: any, because the port is not known before the start
    connect: tuple[int, ...]  # the TCP ports that strict lets it connect to
    program: str  # strict lets it read the folders of its program and its working folder
    cwd: str


class Confinement(Struct, frozen=True):
    """How the platform enforces a request: a program in front of the command, or rules that the guardian's child applies."""

    request: SandboxRequest | None = None
    wrapper: tuple[str, ...] = ()
    rules: Any = None


class RunListener(Struct, frozen=True):
    """Callbacks for the events of one run, always on the event loop's thread; none after ``gone``."""

    # Bytes that the tree wrote to stdout or stderr; the callee owns them.
    output: Callable[[str, bytes], None]
    # The root process ended; output may still come. The rest of its tree is killed, or during a stop may still end by itself.
    # Always before gone; UNKNOWN if the status was lost or the root is a survivor.
    exited: Callable[[ExitStatus], None]
    # Nothing of the tree is alive except these survivors, and all its output was reported (at most 500 ms later).
    gone: Callable[[list[Survivor]], None]


NOT_HEARD = RunListener(lambda _stream, _data: None, lambda _status: None, lambda _survivors: None)
LAUNCHED_AGAIN = "The backend was launched early and is launched again, because its command has changed since"


class RunningProcess(Protocol):
    """One run. ``killed``: processes that SIGKILL or TerminateJobObject ended; complete when ``gone`` is reported."""

    killed: list[Survivor]

    @property
    def identity(self) -> ProcessId:
        """The root process."""

    def begin_stop(self, *, asked: bool = True) -> None:
        """The run was asked to end by other means: from now on the end of its root leaves the rest of the tree alive.

        ``asked``: False if it clearly did not accept that, so only the signal is left.
        """

    def close_stdin(self) -> None:
        """Closes the run's stdin if it is open, which begins a stop. Every other rung closes it too. Harmless when repeated."""

    def interrupt(self, seconds: float | None = None) -> None:
        """Sends the stop signal, on Windows CTRL_C; ``seconds`` until the kill, None: the spec's. Harmless when the process is gone."""

    def kill(self) -> None:
        """Kills the whole tree; ``gone`` reports the outcome. Harmless when repeated."""

    def processes(self) -> list[ProcessId]:
        """Returns the tree as it is now, root first."""

    def listeners(self) -> list[ListeningSocket] | None:
        """Returns the TCP sockets on which the tree listens; None if the system does not report them."""


class Datagram(Struct, frozen=True):
    """A notification; ``pid``: its sender, 0 if that is in another pid namespace. ``is_cut``: it was longer than what was read."""

    data: bytes
    pid: int
    is_cut: bool


class NotifyChannel(Protocol):
    """Where a backend sends systemd notifications, with proof of each sender. ``address``: the value of NOTIFY_SOCKET."""

    address: str

    def fileno(self) -> int:
        """Returns the descriptor for the event loop."""

    def receive(self, size: int) -> Datagram | None:
        """Returns the next datagram, at most ``size`` bytes of it; None if none is waiting."""

    def close(self) -> None:
        """Closes it and removes its file."""


class ProcessLayer(Protocol):
    """One per sidecar. ``marker``: ``NAME=value`` in the environment of all it launches, which proves orphans; empty where not needed."""

    marker: str

    @property
    def guardian(self) -> ProcessId | None:
        """The process between sidecar and backend, where the platform needs one."""

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> RunningProcess:
        """Starts a run, and returns once its program is executed. Until then the listener only gets output.

        A cancelled launch kills what it started and sends the listener nothing more. Raises BackendNotFoundError,
        BackendNotAFileError, BackendNotExecutableError: with path and remedy.
        """

    async def close(self) -> list[Survivor]:
        """Kills what is left, and returns the survivors."""
