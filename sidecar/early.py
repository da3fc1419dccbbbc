"""Launches the backend for the first time before the slow imports, if nothing requires the normal path.

The same functions as later decide what to launch. If anything is unusual (something to reclaim, another sidecar, settings that are
not clearly valid, a command that cannot be run), nothing is launched here: the supervisor launches it, or reports why it cannot.
"""

from __future__ import annotations

import os

from .backend.plan import make_folders, plan_launch
from .backend.ports import choose_port, loopback_error, port_state
from .process import launch_early
from .process.first_record import last_port
from .settings.merge import Section, collect, quick_settings
from .settings.paths import folders

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any

    from .argv import Boot
    from .process.spec import EarlyRun


def launch(boot: Boot) -> EarlyRun | None:
    """Launches the first run; returns None if the supervisor has to."""
    if boot.interrupted or boot.containment:
        return None
    try:
        return _launch(boot)
    except Exception:  # noqa: BLE001 - nothing was launched; the supervisor gets the same error again and explains it
        return None


def _launch(boot: Boot) -> EarlyRun | None:
    settings = quick_settings(collect(boot.config, boot.profile, boot.overrides, boot.command, os.environ))
    if settings is None:
        return None
    backend = settings.backend
    if (
        not backend.autostart
        or not backend.managed
        or backend.url
        or backend.socket != "none"
        or backend.notify
        or settings.sandbox.level != "off"
    ):
        return None  # the layer prepares these
    paths: Any = Section(dict(zip(("data", "logs", "temp"), folders(settings), strict=True)))
    last = last_port(paths.data)
    port = backend.port
    if loopback_error() is not None or (isinstance(port, int) and port_state(port) != "free"):
        return None
    given = choose_port(last) if port == "auto" else port if isinstance(port, int) else None
    spec, command = plan_launch(settings, paths, os.environ, given or 0)
    if any(make_folders(paths)):
        return None
    return launch_early(spec, paths.data, port=given, notes=command.notes)
