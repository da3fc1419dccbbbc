"""Keeps the run record up to date: what the next sidecar must know if this one is killed."""

from __future__ import annotations

import asyncio

from ..core.events import Shutdown
from ..process.base import ProcessLayer
from ..process.record import Record
from ..wire.messages import StateChanged
from .stream import RunStarted
from .supervisor import Supervisor


class RecordKeeper:
    """Subscribes to the runs of a managed backend."""

    def __init__(self, record: Record, layer: ProcessLayer, supervisor: Supervisor) -> None:
        self._record = record
        self._layer = layer
        self._supervisor = supervisor
        supervisor.stream.subscribe(StateChanged, self._write)
        supervisor.stream.subscribe(RunStarted, self._write)
        supervisor.stream.subscribe(Shutdown, self._end)

    def write(self) -> None:
        """Writes the record, for another sidecar on the folder too: this one may start its backend later."""
        run, lifecycle = self._supervisor.run, self._supervisor.lifecycle
        process = run.process if run is not None and lifecycle.occupied else None
        now = asyncio.get_running_loop().time()
        self._record.update(
            guardian=self._layer.guardian,
            marker=self._layer.marker,
            backend=process.identity if process is not None else None,
            run=lifecycle.run,
            port=self._supervisor.last_port,
            failures=lifecycle.budget.spent(lifecycle.healthy_time.total(now)),
        )

    def _end(self, shutdown: Shutdown) -> None:
        """A sidecar that starts in the meantime waits for the end of this one."""
        times = self._supervisor.lifecycle.policy.timeouts
        seconds = times.owner_lost + times.force_kill if shutdown.owner_lost else times.total_shutdown
        self._record.update(ending=seconds)

    def _write(self, _notice: object) -> None:
        self.write()
