"""What the supervisor needs of a platform; posix.py and windows.py give it."""

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
    """A process beyond doubt: a pid alone may be reused. ``started`` is the system's own start time, compared for equality only."""

    pid: int
    started: float


class ListeningSocket(NamedTuple):
    """A listening TCP socket; ``pid`` is None if the system does not report the owner, ``only_ipv6`` False if not IPV6_V6ONLY.

    ``shared``: another process listens on the port too (SO_REUSEPORT), and may get its connections; Linux only.
    """

    address: str
    port: int
    pid: int | None
    only_ipv6: bool = False
    shared: bool = False


class SandboxRequest(Struct, frozen=True):
    """What a sandbox is to let the backend do; all paths are absolute."""

    level: Literal["standard", "strict"]  # of [sandbox]; never off
    folders: tuple[str, ...]  # data, logs and temp
    write: tuple[str, ...]  # more that it may write
    read: tuple[str, ...]  # more that it may read
    port: int | None  # that it may bind; None: any, for it is not known before the start
    connect: tuple[int, ...]  # the TCP ports that strict lets it connect to
    program: str  # strict lets it read the folders of its program and its working folder
    cwd: str


class Confinement(Struct, frozen=True):
    """How the platform carries a request out: a program in front of the command, or rules that the guardian's child applies."""

    request: SandboxRequest | None = None
    wrapper: tuple[str, ...] = ()
    rules: Any = None


class RunListener(Struct, frozen=True):
    """Gets what happens to one run, always on the event loop's thread; nothing after ``gone``."""

    # Bytes that the tree wrote to stdout or stderr; they belong to the callee.
    output: Callable[[str, bytes], None]
    # The root process ended; output may still come. The rest of its tree is killed, or while stopping may still end.
    # Always before gone; UNKNOWN where the status was lost or the root is a survivor.
    exited: Callable[[ExitStatus], None]
    # Nothing of the tree is alive, but for these, and all its output was reported (at most 500 ms later).
    gone: Callable[[list[Survivor]], None]


NOT_HEARD = RunListener(lambda _stream, _data: None, lambda _status: None, lambda _survivors: None)
LAUNCHED_AGAIN = "The backend was launched early and is launched again, because its command has changed since"


class RunningProcess(Protocol):
    """One run. ``killed``: what was alive and was ended by SIGKILL or TerminateJobObject; complete when ``gone`` is reported."""

    killed: list[Survivor]

    @property
    def identity(self) -> ProcessId:
        """The root process."""

    def begin_stop(self, *, asked: bool = True) -> None:
        """It was asked to end by other means: from now on the end of its root leaves the rest of the tree alive.

        ``asked``: False where it plainly did not take that, and only the signal is left.
        """

    def close_stdin(self) -> None:
        """Ends its stdin where that is open; begins a stop. Every other rung ends it too. Harmless when repeated."""

    def interrupt(self, seconds: float | None = None) -> None:
        """The stop signal, on Windows CTRL_C; ``seconds`` until the kill, None: the spec's. Harmless when the process is gone."""

    def kill(self) -> None:
        """Kills the whole tree; the outcome comes as ``gone``. Harmless when repeated."""

    def processes(self) -> list[ProcessId]:
        """The tree as it is now, root first."""

    def listeners(self) -> list[ListeningSocket] | None:
        """TCP sockets on which the tree listens; None if the system does not report them."""


class Datagram(Struct, frozen=True):
    """A notification; ``pid`` of its sender, 0: not of this pid namespace. ``is_cut``: it was longer than what was read."""

    data: bytes
    pid: int
    is_cut: bool


class NotifyChannel(Protocol):
    """Where a backend reports as to systemd, with proof of who sent what. ``address``: the value of NOTIFY_SOCKET."""

    address: str

    def fileno(self) -> int:
        """For the event loop."""

    def receive(self, size: int) -> Datagram | None:
        """The next datagram, at most ``size`` bytes of it; None if none is waiting."""

    def close(self) -> None:
        """Nothing of it is left."""


class ProcessLayer(Protocol):
    """One per sidecar. ``marker``: ``NAME=value`` in the environment of all it launches, where orphans must be proven; else empty."""

    marker: str

    @property
    def guardian(self) -> ProcessId | None:
        """The process between sidecar and backend, where the platform needs one."""

    async def launch(self, spec: LaunchSpec, listener: RunListener) -> RunningProcess:
        """Starts a run, and returns when its program was executed. Until then the listener only gets output.

        A cancelled launch kills what it started and sends the listener nothing more. Raises BackendNotFoundError,
        BackendNotAFileError, BackendNotExecutableError: with path and remedy.
        """

    async def close(self) -> list[Survivor]:
        """Kills what is left, and gives back what would not die."""
