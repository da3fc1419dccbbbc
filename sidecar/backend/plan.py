"""Plans a run: settings, folders and port in, one LaunchSpec out. early.py needs this module too, so it imports little."""

from __future__ import annotations

from ..process.platform import SYSTEM
from ..process.platform.files import distrust, make_folder
from ..process.spec import LaunchSpec
from .command import BackendCommand, find_command
from .environment import backend_environment, fill, leave_appimage

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..settings.model import Paths, Settings

# Seconds for the tree to exit after the sidecar was killed, so that nothing is left after 2 s.
_MAX_ALONE = 1.0


def plan_launch(
    settings: Settings, paths: Paths, inherited: Mapping[str, str], port: int
) -> tuple[LaunchSpec, BackendCommand]:
    """The spec of a run, without a sandbox, and the command that was found. SidecarError: it cannot be executed.

    ``inherited``: the sidecar's own environment; ``port``: 0 if the backend chooses its own.
    """
    backend, limits, times = settings.backend, settings.limits, settings.timeouts
    environment = backend_environment(settings, paths, port, inherited)
    command = find_command(settings, environment)
    if SYSTEM == "linux" and "APPDIR" in environment:
        command.notes += leave_appimage(environment, command.argv[0], backend.env)
    to = backend.stop_signal_to
    if to == "auto":  # a launcher does not forward SIGINT and SIGQUIT, because a terminal sends them to the whole group
        to = "group" if backend.stop_signal in {"SIGINT", "SIGQUIT"} else "root"
    spec = LaunchSpec(
        tuple(fill(word, backend.host, port) for word in command.argv),
        command.cwd,
        environment,
        nice=limits.cpu_nice or None,
        open_files=limits.open_files or None,
        no_new_privileges=limits.no_new_privileges,
        graceful=times.graceful_shutdown,
        force_kill=times.force_kill,
        alone=min(times.owner_lost, _MAX_ALONE),
        stdin=backend.stdin,
        stop_signal=backend.stop_signal,
        stop_signal_to=to,
    )
    return spec, command


def make_folders(paths: Paths) -> Iterator[str]:
    """Creates the backend's folders; yields a sentence for each that cannot be created, or that another user can change (data: see reclaim)."""
    for folder in (paths.data, paths.logs, paths.temp):
        try:
            make_folder(folder)
        except OSError as error:
            yield f"the folder {folder} cannot be created: {error.strerror}"
            continue
        why = distrust(folder, shared=True) if folder != paths.data else None
        if why is not None:
            yield f"what the backend keeps in {folder} cannot be trusted: {why}. Set paths.data to a folder that only you can write"
