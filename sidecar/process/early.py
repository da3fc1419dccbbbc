"""The first run, launched before the event loop is there: by the guardian, as every run. posix.py adopts it."""

from __future__ import annotations

import os
import sys

from . import channel, guardian, prctl
from .first_record import check_alone, new_marker, record_name, write_first
from .identity import pid_namespace
from .spec import EarlyRun
from .tree import read_entry

assert sys.platform != "win32"

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from .spec import LaunchSpec


def launch_early(spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]) -> EarlyRun | None:
    """Writes the record and forks the guardian, which launches the run; None where that is not plainly possible.

    Raises:
        OSError, UnusualError: as above.
    """
    owner, world = read_entry(os.getpid()), pid_namespace()
    if owner is None or not world:
        return None
    run = EarlyRun(port, new_marker(), notes)
    # Not yet with a guardian. If both were killed at once, the next sidecar would find what they left by the marker.
    write_first(folder, world=world, owner=owner.key, guardian=None, marker=run.marker, port=port)
    check_alone(folder, record_name(*owner.key))  # of two that start at once, at least one sees the other
    run.request = channel.launch_request(run.serial, spec, run.marker)
    _open_streams(run, spec)
    prctl.arm_owner()  # before anything is there to be inherited
    run.guardian = guardian.fork_guardian(run)
    from . import oom_kills  # while the guardian is at work

    run.oom_kills = oom_kills.read()
    return run


def _open_streams(run: EarlyRun, spec: LaunchSpec) -> None:
    ends: list[int] = []
    kept: list[int] = []
    try:
        if spec.stdin == "null":
            ends.append(os.open(os.devnull, os.O_RDONLY))
        else:
            read, run.stdin = os.pipe()
            ends.append(read)
            kept.append(run.stdin)
        for _stream in ("stdout", "stderr"):
            read, write = os.pipe()
            kept.append(read)
            ends.append(write)
    except OSError:
        for fd in ends + kept:
            os.close(fd)
        raise
    run.streams = tuple(ends)
    run.outputs = (kept[-2], kept[-1])
