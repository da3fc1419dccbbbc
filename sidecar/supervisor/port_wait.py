"""What a launch waits for: another sidecar that is ending on the data folder, and connections that linger on the run's port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..core import events as e
from ..core.events import Conflict
from .launcher import Launcher, PortConflict
from .run import Run

MAX_WAIT = 75.0  # seconds; TIME_WAIT and FIN_WAIT_2 last 60 s on Linux (TCP_TIMEWAIT_LEN, tcp_fin_timeout)
_INTERVAL = 0.25


async def wait_for_turn(
    launcher: Launcher, number: int, post: Callable[[e.Event], None], wanted: Callable[[], bool]
) -> int | None:
    """Returns when no other sidecar is ending on the data folder, with the run's port. Raises as the launcher does."""
    post(e.Waiting(number, launcher.turn_limit))
    return await launcher.wait_for_turn(
        lambda elapsed, message: post(e.Progress(number, "waiting", elapsed, message)), wanted
    )


async def find_conflict(
    launcher: Launcher, run: Run, post: Callable[[e.Event], None], wanted: Callable[[], bool]
) -> PortConflict | None:
    """Why the run cannot have its port, once nothing merely lingers there, or it is not wanted, or the wait is over."""
    conflict = launcher.find_conflict(run)
    if conflict is None or conflict.kind is not Conflict.LINGERING:
        return conflict
    loop = asyncio.get_running_loop()
    begun = loop.time()
    post(e.Waiting(run.number, MAX_WAIT))
    text = f"Waiting for connections of an earlier program to close on port {run.port}"
    post(e.Progress(run.number, "waiting", 0.0, text))
    while conflict is not None and conflict.kind is Conflict.LINGERING and loop.time() - begun < MAX_WAIT:
        await asyncio.sleep(_INTERVAL)
        if not wanted():
            return conflict
        conflict = launcher.find_conflict(run)
    if conflict is None:
        post(e.Waiting(run.number, 0.0))
    return conflict
