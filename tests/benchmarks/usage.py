"""What a sidecar uses of the machine: memory and processor time, its guardian apart."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil

from .rig import Sidecar

MIB = 1 << 20


class Usage(NamedTuple):
    """At one moment; memory in MiB, processor time in seconds."""

    at: float
    resident: float
    guardian: float
    processor: float


class Meter:
    """Reads one sidecar; made while no more than its guardian and the backend are below it."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = psutil.Process(sidecar.pid)
        self._guardian = next((child for child in self._sidecar.children()), None)  # Windows has none

    def read(self) -> Usage:
        """What is used now; ``processor`` is of both together, since their starts."""
        processes = [process for process in (self._sidecar, self._guardian) if process is not None]
        times = [process.cpu_times() for process in processes]
        return Usage(
            time.monotonic(),
            self._sidecar.memory_info().rss / MIB,
            self._guardian.memory_info().rss / MIB if self._guardian else 0.0,
            sum(one.user + one.system for one in times),
        )


def share(before: Usage, after: Usage) -> float:
    """% of one core between two readings."""
    return 100 * (after.processor - before.processor) / (after.at - before.at)


def settled(sidecar: Sidecar) -> Meter:
    """A meter, when all that is imported late is there."""
    meter = Meter(sidecar)
    sidecar.call("sidecar:ping", "there?")
    last = 0.0
    while (now := meter.read().processor) != last:  # it has stopped working
        last = now
        time.sleep(0.25)
    return meter
