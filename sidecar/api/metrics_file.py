"""``--metrics FILE``: keeps metrics in a file that Prometheus' node_exporter collects."""

import asyncio
from pathlib import Path

from .. import __version__
from ..core import events as e
from ..log import log
from ..observe.metrics import Metrics
from ..process.platform.files import remove_file, replace_file
from ..supervisor import Supervisor
from ..supervisor.stream import HealthAnswered
from ..threads import in_thread
from ..wire.observe import Crash, ResourceSample, StateChanged

INTERVAL = 15.0  # seconds; the file of a live sidecar is never older
_SETTLE = 0.1  # seconds; changes in quick succession are written together
_CLOSE = 1.0


class MetricsFile:
    """Writes the file soon after each change and once per interval; removes it at the end. A failure is reported once, and retried."""

    def __init__(self, file: str, supervisor: Supervisor) -> None:
        self._path = Path(file)
        self._loop = asyncio.get_running_loop()
        self._metrics = Metrics()
        self._changed = asyncio.Event()
        self._over = self._failing = self._is_there = False
        self._task = self._loop.create_task(self._keep())
        supervisor.stream.subscribe(StateChanged, self._moved)
        supervisor.stream.subscribe(e.Health, self._checked)
        supervisor.stream.subscribe(HealthAnswered, lambda answer: self._metrics.latency.observe(answer.seconds))

    def crashed(self, crash: Crash) -> None:
        self._metrics.crashed(crash)
        self._changed.set()

    def sampled(self, sample: ResourceSample) -> None:
        """Takes the tree's usage, which comes often; it is written with the next change or interval."""
        self._metrics.sample = sample

    async def close(self) -> None:
        """Removes the file; waits at most a second for a disk that does not respond."""
        self._over = True
        self._changed.set()
        await asyncio.wait({self._task}, timeout=_CLOSE)

    def _moved(self, change: StateChanged) -> None:
        self._metrics.changed(change, self._loop.time())
        self._changed.set()

    def _checked(self, health: e.Health) -> None:
        self._metrics.health = health.healthy
        self._changed.set()

    async def _keep(self) -> None:
        while not self._over:
            self._changed.clear()
            await self._write()
            try:
                async with asyncio.timeout(INTERVAL):
                    await self._changed.wait()
            except TimeoutError:
                continue
            if not self._over:
                await asyncio.sleep(_SETTLE)
        if not self._is_there:
            return  # a file with this name is not ours
        try:
            await in_thread(lambda: remove_file(self._path))
        except OSError as error:
            if not self._failing:  # else it was reported already
                log.warning(f"The metrics file {self._path} cannot be removed: {error.strerror or error}")

    async def _write(self) -> None:
        page = self._metrics.render(self._path.stem, {"version": __version__}).encode("utf-8", "replace")
        try:
            await in_thread(lambda: replace_file(self._path, page, public=True))
        except OSError as error:
            if not self._failing:
                log.warning(
                    f"The metrics cannot be written to {self._path}: {error.strerror or error}. The folder must exist and be "
                    f"writable for the sidecar's user. The sidecar retries after each change and every {INTERVAL:g} s."
                )
            self._failing = True
            return
        self._is_there = True
        if self._failing:
            log.info(f"the metrics are written to {self._path} again")
        self._failing = False
