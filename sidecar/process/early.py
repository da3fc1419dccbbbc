"""Launches the first run before the event loop exists: through the guardian, like every run. posix.py adopts it."""

import os
import sys

from . import channel, guardian, prctl
from .first_record import check_alone, new_marker, record_name, write_first
from .identity import pid_namespace
from .spec import EarlyRun, LaunchSpec
from .tree import read_entry

assert sys.platform != "win32"


def launch_early(spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]) -> EarlyRun | None:
    """Writes the record and forks the guardian, which launches the run. None, OSError, UnusualError: the layer has to launch it."""
    owner, namespace = read_entry(os.getpid()), pid_namespace()
    if owner is None or not namespace:
        return None
    run = EarlyRun(port, new_marker(folder), notes)
    # The record does not name the guardian yet. If both are killed at once, the next sidecar finds what they left by the marker.
    write_first(folder, pid_namespace=namespace, owner=owner.key, marker=run.marker, port=port)
    check_alone(folder, record_name(*owner.key))  # of two sidecars that start at once, at least one sees the other
    run.request = channel.launch_request(run.serial, spec, run.marker)
    run.streams, run.outputs, run.stdin = channel.open_streams(spec.stdin)
    prctl.arm_owner()  # before there is anything to inherit
    run.guardian = guardian.fork_guardian(run)
    from . import oom_kills  # while the guardian works

    run.oom_kills = oom_kills.read()
    return run
