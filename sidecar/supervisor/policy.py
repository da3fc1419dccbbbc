"""From settings to what the lifecycle decides by."""

from __future__ import annotations

import math

from msgspec import structs

from ..core.machine import LifecyclePolicy
from ..settings.model import Restart, Settings

PORT_ATTEMPTS = 5  # ports that one start may try before the lack of a port counts as a failure


def lifecycle_policy(settings: Settings) -> LifecyclePolicy:
    """For a managed backend as the settings say; for one that is only watched: waits and tries for ever."""
    if not settings.backend.managed:
        return LifecyclePolicy(
            timeouts=structs.replace(settings.timeouts, startup=math.inf, restart_delay=0.0),
            restart=Restart(attempts=1, window=0.0),
            restart_when_hung=False,
            has_shutdown_endpoint=False,
            over_when_hung=True,
        )
    return LifecyclePolicy(
        timeouts=settings.timeouts,
        restart=settings.restart,
        restart_when_hung=settings.health.restart_when_hung,
        has_stdin=settings.backend.stdin == "open",
        has_shutdown_endpoint=bool(settings.backend.shutdown_path),
        port_attempts=PORT_ATTEMPTS if settings.backend.port == "auto" and settings.backend.socket == "none" else 1,
    )
