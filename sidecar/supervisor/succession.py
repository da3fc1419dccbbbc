"""What a sidecar takes over from its data folder: at once, or after the previous sidecar has exited."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from ..process.reclaim import Reclaimed

_POLL_INTERVAL = 0.1
_REPORT_INTERVAL = 1.0
_MARGIN = 5.0  # seconds that a sidecar whose backend is gone needs to exit: logs, answers, guardian


class Succession(Struct, eq=False):
    """Waits for the previous sidecar: two backends on one data folder damage it, and a second port is another origin."""

    found: Reclaimed  # by the latest look
    _look_again: Callable[[], Awaitable[Reclaimed]]  # counts every sidecar that is still running as a neighbour
    _settled: Callable[[Reclaimed], None]  # gets its result

    @property
    def last_port(self) -> int | None:
        """The folder's port; None if another sidecar keeps it."""
        return self.found.last_port if self.found.keeps_port else None

    @property
    def limit(self) -> float:
        """Seconds that the wait for other sidecars may take; 0: there are none."""
        return max((one.seconds + _MARGIN for one in self.found.ending), default=0.0)

    async def wait(self, report: Callable[[float, str], None], wanted: Callable[[], bool]) -> None:
        """Waits until the other sidecars have exited, the limit has passed or the run is unwanted. ``report`` gets elapsed and text each second."""
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
