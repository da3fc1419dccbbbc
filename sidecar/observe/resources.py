"""Measures what the backend's tree uses: a sample every two seconds, kept for ten minutes, and alerts."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

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


class Limit:
    """Watches one value: an alert begins after ``hold`` s above ``limit`` (0: never) and ends after as long below ``limit * (1 - hysteresis)``. Pure."""

    def __init__(self, metric: Literal["cpu", "memory"], limit: float, hysteresis: float, hold: float) -> None:
        self._metric = metric
        self._limit = limit
        self._release_below = limit * (1 - hysteresis)
        self._hold = hold
        self._active = False
        self._since: float | None = None  # since when the value contradicts ``_active``

    def check(self, value: float, now: float) -> ResourceAlert | None:
        """The alert, or its end, if the value at time ``now`` causes one."""
        if not self._limit:
            return None
        against = value < self._release_below if self._active else value > self._limit
        if not against:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        return None if now - self._since < self._hold else self._turn(value)

    def release(self) -> ResourceAlert | None:
        """Stops watching; returns the end of the alert if it was active."""
        self._since = None
        return self._turn(0.0) if self._active else None

    def _turn(self, value: float) -> ResourceAlert:
        self._active = not self._active
        self._since = None
        return ResourceAlert(metric=self._metric, value=value, limit=self._limit, active=self._active)


class Resources:
    """Samples while a run lives, on the loop's thread, because a sample takes less time than handing it to another thread.

    ``tree``: the run's processes by pid and start time. ``memory_limit``: another limit in bytes, which the caller watches; 0:
    none. Above a limit shared pages count once, and mapped files not at all. ``now`` is monotonic, ``clock`` since the epoch.
    """

    def __init__(
        self,
        settings: ResourceSettings,
        tree: Callable[[], Sequence[tuple[int, float]]],
        *,
        memory_limit: int = 0,
        on_sample: Callable[[ResourceSample], None],
        on_alert: Callable[[ResourceAlert], None],
        reader: UsageReader | None = None,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._tree = tree
        self._on_sample = on_sample
        self._on_alert = on_alert
        self._reader = reader
        self._now = now
        self._clock = clock
        self._memory_limit = min(filter(None, (memory_limit, settings.memory_limit)), default=None)
        self._history: deque[tuple[float, ResourceSample]] = deque()
        self._meter = CpuMeter()
        self._began = 0.0
        self._limits = [
            Limit("cpu", settings.cpu_limit, settings.hysteresis, settings.hold),
            Limit("memory", settings.memory_limit, settings.hysteresis, settings.hold),
        ]
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Starts sampling a run: at once, then at every interval. Can be repeated."""
        self.end()
        self._meter = CpuMeter()
        self._began = self._now()
        self._tick()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for limit in self._limits:
            if (alert := limit.release()) is not None:
                self._on_alert(alert)

    def history(self, window: float | None = None) -> list[ResourceSample]:
        """The samples of the last ``window`` seconds, by default all that are kept; oldest first."""
        since = self._now() - (self._settings.window if window is None else window)
        return [sample for at, sample in self._history if at >= since]

    def last_run(self, window: float) -> list[ResourceSample]:
        since = max(self._began, self._now() - window)
        return [sample for at, sample in self._history if at >= since]

    def sample(self) -> ResourceSample | None:
        """Takes one sample now; None if no process of the tree is alive."""
        if self._reader is None:
            from ..process.platform.usage import create_reader  # not needed before a run is up

            self._reader = create_reader()
        read = self._reader.read
        usages = {process: usage for process in self._tree() if (usage := read(*process)) is not None}
        if not usages:
            return None
        now = self._now()
        cpu = self._meter.measure({process: usage.cpu_seconds for process, usage in usages.items()}, now)
        sample = ResourceSample(
            time=iso(self._clock()),
            cpu=cpu,
            memory=self._count_memory(usages),
            processes=len(usages),
            threads=sum(usage.threads for usage in usages.values()),
        )
        self._history.append((now, sample))
        while self._history[0][0] < now - self._settings.window:
            self._history.popleft()
        return sample

    def _count_memory(self, usages: dict[tuple[int, float], Usage]) -> int:
        total = sum(usage.memory for usage in usages.values())
        assert self._reader is not None
        for measure in (self._reader.without_files, self._reader.count_once):
            if self._memory_limit is None or total <= self._memory_limit:
                break
            total = 0
            for (pid, _), usage in usages.items():
                counted = measure(pid)
                total += usage.memory if counted is None else min(counted, usage.memory)
        return total

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._settings.interval, self._tick)
        sample = self.sample()
        if sample is None:
            return
        self._on_sample(sample)
        now = self._now()
        for limit, value in zip(self._limits, (sample.cpu, float(sample.memory)), strict=True):
            if (alert := limit.check(value, now)) is not None:
                self._on_alert(alert)
