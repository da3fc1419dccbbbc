"""Measures what the backend's tree uses: a sample every two seconds, kept for ten minutes, and alerts."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from ..clock import iso
from ..settings.model import Resources as ResourceSettings
from ..wire.observe import ResourceAlert, ResourceSample

if TYPE_CHECKING:
    from ..process.platform.usage import Usage, UsageReader


class CpuMeter:
    """Converts the CPU seconds of a tree's processes to % of one core. Pure."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, float], float] = {}
        self._at: float | None = None

    def measure(self, seconds: dict[tuple[int, float], float], now: float) -> float:
        """The tree's use since the last call, 0 at the first; a new process counts with all its time, an ended one not at all."""
        elapsed = now - self._at if self._at is not None else 0.0
        used = sum(max(0.0, value - self._before.get(process, 0.0)) for process, value in seconds.items())
        self._before, self._at = seconds, now
        return 0.0 if elapsed <= 0 else round(100.0 * used / elapsed, 1)


class Limit(Struct, eq=False):
    """Watches one value: an alert begins after ``hold`` s above ``limit`` (0: never) and ends after as long below ``limit * (1 - hysteresis)``. Pure."""

    metric: Literal["cpu", "memory"]
    limit: float
    hysteresis: float
    hold: float
    _active: bool = False
    _since: float | None = None  # since when the value contradicts ``_active``

    def check(self, value: float, now: float) -> ResourceAlert | None:
        """The alert, or its end, if the value at time ``now`` causes one."""
        if not self.limit:
            return None
        against = value < self.limit * (1 - self.hysteresis) if self._active else value > self.limit
        if not against:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        return None if now - self._since < self.hold else self._turn(value)

    def release(self) -> ResourceAlert | None:
        """Stops watching; returns the end of the alert if it was active."""
        self._since = None
        return self._turn(0.0) if self._active else None

    def _turn(self, value: float) -> ResourceAlert:
        self._active = not self._active
        self._since = None
        return ResourceAlert(metric=self.metric, value=value, limit=self.limit, active=self._active)


class Resources(Struct, eq=False):
    """Samples while a run lives, on the loop's thread, because a sample takes less time than handing it to another thread."""

    settings: ResourceSettings
    tree: Callable[[], Sequence[tuple[int, float]]]  # the run's processes by pid and start time
    on_sample: Callable[[ResourceSample], None]
    on_alert: Callable[[ResourceAlert], None]
    # Another limit in bytes, which the caller watches; 0: none. Above a limit shared pages count once, and mapped files not at all.
    memory_limit: int = 0
    reader: UsageReader | None = None
    now: Callable[[], float] = time.monotonic
    clock: Callable[[], float] = time.time  # since the epoch
    _history: deque[tuple[float, ResourceSample]] = field(default_factory=deque)
    _meter: CpuMeter = field(default_factory=CpuMeter)
    _began: float = 0.0
    _limits: list[Limit] = []
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        settings = self.settings
        self.memory_limit = min(filter(None, (self.memory_limit, settings.memory_limit)), default=0)
        self._limits = [
            Limit("cpu", settings.cpu_limit, settings.hysteresis, settings.hold),
            Limit("memory", settings.memory_limit, settings.hysteresis, settings.hold),
        ]

    def begin(self) -> None:
        """Starts sampling a run: at once, then at every interval. Can be repeated."""
        self.end()
        self._meter = CpuMeter()
        self._began = self.now()
        self._tick()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for limit in self._limits:
            if (alert := limit.release()) is not None:
                self.on_alert(alert)

    def history(self, window: float | None = None) -> list[ResourceSample]:
        """The samples of the last ``window`` seconds, by default all that are kept; oldest first."""
        since = self.now() - (self.settings.window if window is None else window)
        return [sample for at, sample in self._history if at >= since]

    def last_run(self, window: float) -> list[ResourceSample]:
        since = max(self._began, self.now() - window)
        return [sample for at, sample in self._history if at >= since]

    def sample(self) -> ResourceSample | None:
        """Takes one sample now; None if no process of the tree is alive."""
        if self.reader is None:
            from ..process.platform.usage import create_reader  # not needed before a run is up

            self.reader = create_reader()
        read = self.reader.read
        usages = {process: usage for process in self.tree() if (usage := read(*process)) is not None}
        if not usages:
            return None
        now = self.now()
        cpu = self._meter.measure({process: usage.cpu_seconds for process, usage in usages.items()}, now)
        sample = ResourceSample(
            time=iso(self.clock()),
            cpu=cpu,
            memory=self._count_memory(usages),
            processes=len(usages),
            threads=sum(usage.threads for usage in usages.values()),
        )
        self._history.append((now, sample))
        while self._history[0][0] < now - self.settings.window:
            self._history.popleft()
        return sample

    def _count_memory(self, usages: dict[tuple[int, float], Usage]) -> int:
        total = sum(usage.memory for usage in usages.values())
        assert self.reader is not None
        for measure in (self.reader.without_files, self.reader.count_once):
            if not self.memory_limit or total <= self.memory_limit:
                break
            total = 0
            for (pid, _), usage in usages.items():
                counted = measure(pid)
                total += usage.memory if counted is None else min(counted, usage.memory)
        return total

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.settings.interval, self._tick)
        sample = self.sample()
        if sample is None:
            return
        self.on_sample(sample)
        now = self.now()
        for limit, value in zip(self._limits, (sample.cpu, float(sample.memory)), strict=True):
            if (alert := limit.check(value, now)) is not None:
                self.on_alert(alert)
