"""What a sidecar takes over on its data folder: at once, or when the sidecar before it, which is ending, has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from ..process.reclaim import Reclaimed

_POLL_INTERVAL = 0.1
_REPORT_INTERVAL = 1.0
_MARGIN = 5.0  # seconds for the end of a sidecar whose backend is gone: its logs, its answers, its guardian


class Succession(Struct, eq=False):
    """Two backends on one data folder damage it, and a second port is another origin."""

    found: Reclaimed  # by the newest look
    _look_again: Callable[[], Awaitable[Reclaimed]]  # counts everyone who is still there as a neighbour
    _settled: Callable[[Reclaimed], None]  # gets what that found

    @property
    def last_port(self) -> int | None:
        """The port of the folder; None where another sidecar keeps it."""
        return self.found.last_port if self.found.keeps_port else None

    @property
    def limit(self) -> float:
        """Seconds that the wait for others may take; 0: there is nothing to wait for."""
        return max((one.seconds + _MARGIN for one in self.found.ending), default=0.0)

    async def wait(self, report: Callable[[float, str], None], wanted: Callable[[], bool]) -> None:
        """Returns when the others have gone, the limit is over or the run is unwanted; ``report``: elapsed and text, each second."""
        loop = asyncio.get_running_loop()
        began = reported = loop.time()
        deadline = began + self.limit
        while wanted() and (there := [one for one in self.found.ending if one.is_there]) and loop.time() < deadline:
            elapsed = loop.time() - began
            if elapsed == 0 or loop.time() - reported >= _REPORT_INTERVAL:
                reported = loop.time()
                pids = ", ".join(str(one.owner.pid) for one in there)
                report(elapsed, f"Waiting for the previous sidecar (pid {pids}) to end")
            await asyncio.sleep(_POLL_INTERVAL)
        if wanted():
            self.found = await self._look_again()
            self._settled(self.found)
