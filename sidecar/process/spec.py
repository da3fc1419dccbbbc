"""One run to be, as the supervisor plans it and a platform executes it. Made before anything worth importing is imported."""

from __future__ import annotations

from ..fields import Fields
from .platform import awake_time

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, Literal


class LaunchSpec(Fields):
    """The command of one run as it is executed, never through a shell."""

    command: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    nice: int | None = None  # None, as of open_files: as the system has it
    open_files: int | None = None
    no_new_privileges: bool = False
    graceful: float = 10.0  # seconds from an interrupt to the kill; Windows repeats it shortly before
    force_kill: float = 5.0  # seconds after the kill when the caller gives up; survivors are reported before
    alone: float = 1.0  # seconds that the tree has when the sidecar is dead; on Windows the job ends it at once
    # Empty; or open until the stop, or until the sidecar, which holds the writing end, is gone
    stdin: Literal["null", "open"] = "null"
    stop_signal: str = "SIGTERM"  # what asks it to end, by its name; not on Windows
    # The root alone, then what it leaves; or its whole process group at once
    stop_signal_to: Literal["root", "group"] = "root"
    confinement: Any = None  # its sandbox, a base.Confinement; None without one
    socket: int = -1  # a listening socket of ours that the root gets, as descriptor 3 or a handle; -1: none
    pid_variables: tuple[str, ...] = ()  # names of variables that get the root's own pid as their value; POSIX only

    @property
    def kill_deadline(self) -> float:
        """Seconds after a kill when survivors are reported: a little before the caller gives up."""
        return 0.8 * self.force_kill


class EarlyRun:
    """A run that was launched before the event loop was there, which takes over the rest."""

    serial = 1

    def __init__(self, port: int | None, marker: str, notes: tuple[str, ...]) -> None:
        self.port = port  # where the backend is to listen; None where it chooses
        self.marker = marker
        self.notes = notes  # what the log should say about how its program was found
        self.at = awake_time()  # when it was launched, by the event loop's clock
        # POSIX only:
        self.guardian: Any = None
        self.request: tuple[Any, ...] = ()  # what the guardian is to launch
        self.streams: tuple[int, ...] = ()  # the backend's own ends, until the guardian has them
        self.stdin = -1  # the writing end; -1: it is empty
        self.outputs = (-1, -1)  # the reading ends of stdout and stderr
        self.oom_kills: tuple[int | None, int | None] = (None, None)  # what oom_kills.read gave at the launch
