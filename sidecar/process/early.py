"""The first run, launched before the event loop is there: by the guardian, as every run. posix.py adopts it."""

from __future__ import annotations

import os
import sys

from . import channel, oom_kills, prctl
from .first_record import check_alone, new_marker, record_name, write_first
from .identity import pid_namespace
from .spec import EarlyRun
from .tree import read_entry

assert sys.platform != "win32"

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from .guardian import Guardian
    from .spec import LaunchSpec


def launch_early(
    guardian: Guardian, spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]
) -> EarlyRun | None:
    """Writes the record and asks the guardian to launch; None where that is not plainly possible. Raises as above."""
    owner, watcher, world = read_entry(os.getpid()), read_entry(guardian.pid), pid_namespace()
    if owner is None or watcher is None or not world:
        return None
    run = EarlyRun(port, new_marker(), (), notes)
    write_first(folder, world=world, owner=owner.key, guardian=watcher.key, marker=run.marker, port=port)
    check_alone(folder, record_name(*owner.key))  # of two that start at once, at least one sees the other
    run.request = channel.launch_request(run.serial, spec, run.marker)
    run.oom_kills = oom_kills.read()
    _send(guardian, spec, run)
    prctl.arm_owner()  # meanwhile the guardian forks: until execve nothing is there to be inherited
    return run


def _send(guardian: Guardian, spec: LaunchSpec, run: EarlyRun) -> None:
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
        run.outputs = (kept[-2], kept[-1])
        data = channel.encode(run.request)
        guardian.socket.setblocking(True)  # it is about to read
        sent = channel.send(guardian.socket, data, ends)
        guardian.socket.sendall(data[sent:])
    except OSError:
        for fd in kept:
            os.close(fd)
        raise
    finally:
        guardian.socket.setblocking(False)
        for fd in ends:
            os.close(fd)
