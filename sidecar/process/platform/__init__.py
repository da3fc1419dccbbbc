"""The system below everything but its processes: one module a subject, each with one signature for all systems."""

import sys
import time

SYSTEM: str = sys.platform
"""``linux``, ``darwin`` or ``win32``, as Node says it too. To report, or to hand to a pure function."""


def monotonic_through_sleep() -> float:
    """Monotonic seconds that go on while the machine sleeps, unlike the loop's on Linux and macOS (clock_gettime)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
