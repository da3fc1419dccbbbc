"""Runs checks for common problems, and those of them that need no module of their own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ..log import log
from ..threads import in_thread
from ..wire.messages import FirewallCheck
from ..wire.observe import Check

LIMIT = 12.0  # seconds for one check; netsh has ten
_DAY = 86_400.0


async def run_checks(checks: Mapping[str, Callable[[], Check]]) -> list[Check]:
    """Runs checks by name, each in a thread, because it may block; one that fails itself, or gets no answer, is ``unknown`` and stops no other."""

    def guarded(name: str, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except Exception as error:  # noqa: BLE001  one check that fails must not hide what the others see
            log.defect(f"check {name}", error)
            return Check(name, "unknown", f"This check failed: {type(error).__name__}: {error}")

    found = []
    for name, check in checks.items():
        done, _ = await asyncio.wait({in_thread("diagnosis", partial(guarded, name, check))}, timeout=LIMIT)
        seen = f"This check got no answer within {LIMIT:g} s"
        remedy = "A disk or a network drive may not respond: check those on which the app and its data are."
        found.append(done.pop().result() if done else Check(name, "unknown", seen, remedy))
    return found


def check_installation_time() -> Check:
    """``check_clock`` now; frozen, the modules are no files of their own."""
    ours = Path(sys.executable if getattr(sys, "frozen", False) else __file__)
    return check_clock(time.time(), ours.stat().st_mtime)


def check_clock(now: float, installed: float) -> Check:
    """Whether the clock can be right; ``installed``: when the sidecar's own files were written. Certificates depend on it."""
    if now < installed - _DAY:
        seen = "The clock shows a time before this program was installed"
        return Check("clock", "warning", seen, "Set the date and time of this machine.")
    return Check("clock", "ok", "The clock looks right")


def check_firewall(verdict: FirewallCheck) -> Check:
    """What the Windows Firewall does."""
    return Check("firewall", "ok" if verdict.compatible else "warning", verdict.message, verdict.recommendation)
