"""Keeps the run record up to date: what the next sidecar must know if this one is killed."""

import asyncio

from msgspec import Struct

from ..core.events import Shutdown
from ..process.base import ProcessLayer
from ..process.record import Record
from ..wire.observe import StateChanged
from .stream import RunStarted
from .supervisor import Supervisor

_MAX_DELAY = 0.05  # seconds


class RecordKeeper(Struct, eq=False):
    """Subscribes to the runs of a managed backend.

    A write takes up to 2 ms, and a stop or restart would need several. So a change of state is written with the next run, or
    soon after: the marker, which proves what is ours, has been in the record since the first start.
    """

    _record: Record
    _layer: ProcessLayer
    _supervisor: Supervisor
    _due: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        stream = self._supervisor.stream
        stream.subscribe(StateChanged, self._changed)
        stream.subscribe(RunStarted, lambda _notice: self.write())
        stream.subscribe(Shutdown, self._end)

    def write(self) -> None:
        """Writes the record. Another sidecar on the folder reads it too, because this one may start its backend later."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        run, lifecycle = self._supervisor.run, self._supervisor.lifecycle
        process = run.process if run is not None and lifecycle.occupied else None
        now = asyncio.get_running_loop().time()
        self._record.update(
            guardian=self._layer.guardian,
            marker=self._layer.marker,
            backend=process.identity if process is not None else None,
            port=self._supervisor.last_port,
            failures=lifecycle.budget.spent(lifecycle.healthy_time.total(now)),
        )

    def _end(self, shutdown: Shutdown) -> None:
        """Records how long the shutdown may take: a sidecar that starts meanwhile waits for it."""
        times = self._supervisor.lifecycle.policy.timeouts
        seconds = times.owner_lost + times.force_kill if shutdown.owner_lost else times.total_shutdown
        self._record.update(ending=seconds)

    def _changed(self, _change: StateChanged) -> None:
        if not self._record.content.written:
            self.write()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(_MAX_DELAY, self.write)
