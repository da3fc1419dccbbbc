"""What is observed of the backend: its resources, and the whole of a crash report."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from .messages import Crash, Wire


class ResourceSample(Wire, frozen=True):
    """What the backend's whole tree uses: ``cpu`` in % of one core since the sample before, ``memory`` in bytes resident."""

    time: str
    cpu: float
    memory: int
    processes: int
    threads: int


class ResourceAlert(Wire, frozen=True):
    """A limit was passed (``active``), or is kept again."""

    metric: Literal["cpu", "memory"]
    value: float
    limit: float
    active: bool


class CrashReport(Crash, frozen=True, kw_only=True):
    """A crash with its whole report, a text for people."""

    report: str


class Check(Wire, frozen=True):
    """One thing that was looked at: what was seen (``message``), what to do about it, and what the verdict stands on."""

    check: str
    status: Literal["ok", "warning", "failed", "unknown"]
    message: str
    remedy: str | UnsetType = UNSET
    evidence: str | UnsetType = UNSET
