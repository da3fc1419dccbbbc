"""From settings to what the lifecycle decides by."""

from __future__ import annotations

import math

from msgspec import structs

from ..core.machine import LifecyclePolicy
from ..core.restart import RestartPolicy
from ..settings.model import Settings

PORT_ATTEMPTS = 5  # ports that one start may try before the lack of a port counts as a failure


def lifecycle_policy(settings: Settings) -> LifecyclePolicy:
    """For a managed backend as the settings say; for one that is only watched: waits and tries for ever."""
    times, restart = settings.timeouts, settings.restart
    if not settings.backend.managed:
        return LifecyclePolicy(
            timeouts=structs.replace(times, startup=math.inf),
            restart=RestartPolicy(attempts=1, window=0, first_delay=0, delay=0, backoff=1, jitter=0),
            restart_on_clean_exit=True,
            restart_when_hung=False,
            has_shutdown_endpoint=False,
            over_when_hung=True,
        )
    return LifecyclePolicy(
        timeouts=times,
        restart=RestartPolicy(
            attempts=restart.attempts,
            window=restart.window,
            first_delay=restart.first_delay,
            delay=times.restart_delay,
            backoff=restart.backoff,
            jitter=restart.jitter,
        ),
        restart_on_clean_exit=restart.on_clean_exit,
        restart_when_hung=settings.health.restart_when_hung,
        has_stdin=settings.backend.stdin == "open",
        has_shutdown_endpoint=bool(settings.backend.shutdown_path),
        port_attempts=PORT_ATTEMPTS if settings.backend.port == "auto" and settings.backend.socket == "none" else 1,
    )
