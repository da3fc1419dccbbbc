"""One planned run: the supervisor makes the spec, the platform executes it. Made before the slow imports."""

from __future__ import annotations

from ..fields import Fields
from .platform import awake_time

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, Literal


class LaunchSpec(Fields):
    """One run as it is executed, never through a shell."""

    command: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    nice: int | None = None  # None: inherited, as for open_files
    open_files: int | None = None
    no_new_privileges: bool = False
    graceful: float = 10.0  # seconds from an interrupt to the kill, shortly before which Windows sends CTRL_BREAK
    force_kill: float = 5.0  # seconds after the kill when the caller gives up; survivors are reported before
    alone: float = 1.0  # seconds that the tree has to end when the sidecar is dead; on Windows the job ends it at once
    # null: empty; open: until the stop, or until the sidecar, which holds the write end, is gone
    stdin: Literal["null", "open"] = "null"
    stop_signal: str = "SIGTERM"  # the name of the signal that asks it to end; not on Windows
    # The root first, then what it leaves behind; or its whole process group at once
    stop_signal_to: Literal["root", "group"] = "root"
    confinement: Any = None  # its sandbox, a base.Confinement; None: no sandbox
    socket: int = -1  # our listening socket that the root gets, as descriptor 3 or a handle; -1: none
    pid_variables: tuple[str, ...] = ()  # variables whose value becomes the root's own pid; POSIX only

    @property
    def kill_deadline(self) -> float:
        """Seconds after a kill when survivors are reported: a little before the caller gives up."""
        return 0.8 * self.force_kill


class EarlyRun:
    """A run launched before the event loop exists; the process layer adopts it."""

    serial = 1

    def __init__(self, port: int | None, marker: str, notes: tuple[str, ...]) -> None:
        self.port = port  # where the backend should listen; None: it chooses
        self.marker = marker
        self.notes = notes  # what the log should say about how its program was found
        self.at = awake_time()  # when it was launched, by the event loop's clock
        # POSIX only:
        self.guardian: Any = None
        self.request: tuple[Any, ...] = ()  # the launch request for the guardian
        self.streams: tuple[int, ...] = ()  # the backend's own ends, until the guardian has them
        self.stdin = -1  # the write end; -1: stdin is empty
        self.outputs = (-1, -1)  # the read ends of stdout and stderr
        self.oom_kills: tuple[int | None, int | None] = (None, None)  # the result of oom_kills.read at the launch
