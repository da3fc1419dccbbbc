"""One run to be, as the supervisor plans it and a platform executes it. Made before anything worth importing is imported."""

from __future__ import annotations

import time

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, Literal


class LaunchLimits:
    """What the backend may use; None: as the system has it."""

    __slots__ = ("nice", "no_new_privileges", "open_files")

    def __init__(
        self, nice: int | None = None, open_files: int | None = None, *, no_new_privileges: bool = False
    ) -> None:
        self.nice = nice
        self.open_files = open_files
        self.no_new_privileges = no_new_privileges


_NO_LIMITS = LaunchLimits()


class LaunchSpec:
    """The command of one run as it is executed, never through a shell.

    Attributes:
        graceful: seconds that an interrupt is given before the kill; Windows repeats it in another way shortly before.
        force_kill: seconds after the kill when the caller gives up; survivors are reported before.
        alone: seconds that the tree has to end when the sidecar is dead; nothing on Windows, where the job ends it at once.
        stdin: empty; or open until the stop. The sidecar holds the writing end, so it ends with the sidecar too.
        stop_signal: what asks it to end, by its name; not on Windows.
        stop_signal_to: the root alone, and what it leaves next; or its whole process group at once.
        confinement: its sandbox, a base.Confinement; None without one.
        socket: a listening socket of this process that the root gets, as descriptor 3 or a handle; -1: none.
        pid_variables: names of variables that get the root's own pid as their value; POSIX only.
    """

    def __init__(  # noqa: PLR0917 - the order is that of a command: program, folder, environment, limits
        self,
        run: int,
        command: tuple[str, ...],
        cwd: str,
        env: dict[str, str],
        limits: LaunchLimits = _NO_LIMITS,
        graceful: float = 10.0,
        *,
        force_kill: float = 5.0,
        alone: float = 1.0,
        stdin: Literal["null", "open"] = "null",
        stop_signal: str = "SIGTERM",
        stop_signal_to: Literal["root", "group"] = "root",
        confinement: Any = None,
        socket: int = -1,
        pid_variables: tuple[str, ...] = (),
    ) -> None:
        self.run = run
        self.command = command
        self.cwd = cwd
        self.env = env
        self.limits = limits
        self.graceful = graceful
        self.force_kill = force_kill
        self.alone = alone
        self.stdin = stdin
        self.stop_signal = stop_signal
        self.stop_signal_to = stop_signal_to
        self.confinement = confinement
        self.socket = socket
        self.pid_variables = pid_variables

    @property
    def kill_deadline(self) -> float:
        """Seconds after a kill when survivors are reported: a little before the caller gives up."""
        return 0.8 * self.force_kill


class EarlyRun:
    """A run that was launched before the event loop was there, which takes over the rest.

    Attributes:
        port: where the backend is to listen; None where it chooses.
        request: what the guardian was asked to launch.
        stdin, outputs: the writing end (-1: empty), and the reading ends of stdout and stderr.
        at: when it was launched (time.monotonic).
        notes: what the log should say about how its program was found.
        oom_kills: what oom_kills.read gave before the launch.
    """

    serial = 1
    __slots__ = ("at", "marker", "notes", "oom_kills", "outputs", "port", "request", "stdin")

    def __init__(self, port: int | None, marker: str, request: tuple[Any, ...], notes: tuple[str, ...]) -> None:
        self.port = port
        self.marker = marker
        self.request = request
        self.notes = notes
        self.stdin = -1
        self.outputs = (-1, -1)
        self.oom_kills: tuple[int | None, int | None] = (None, None)
        self.at = time.monotonic()
