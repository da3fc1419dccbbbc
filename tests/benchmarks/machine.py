"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime

import msgspec


class Machine(msgspec.Struct, forbid_unknown_fields=True):
    """Facts that a figure means nothing without."""

    date: str
    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str
    node: str
    load: float


def describe() -> Machine:
    """This machine now; ``load`` is the load average of the last minute before the run."""
    import psutil

    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        python=platform.python_version(),
        node=_node(),
        load=round(_load(), 2),
    )


def _load() -> float:
    import psutil

    try:
        return psutil.getloadavg()[0]
    except (OSError, RuntimeError):  # Windows without performance counters, and Wine
        return 0.0


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _node() -> str:
    node = shutil.which("node")
    if not node:
        return "none"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
