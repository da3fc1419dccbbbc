"""Facts about the sidecar and the machine, for crash reports and support bundles."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .. import __version__
from ..process.platform.machine import load, system_name

_GIBIBYTE = 1024**3


def describe_system(folder: Path | None = None) -> list[str]:
    """One fact a line; ``folder``: the disk of which the free space matters. May wait for that disk: not on the loop."""
    import psutil

    memory = psutil.virtual_memory()
    lines = [
        f"sidecar {__version__}, Python {sys.version.split()[0]}, psutil {psutil.__version__}",
        f"{system_name()}, {os.cpu_count()} processors",
        f"memory {memory.total / _GIBIBYTE:.1f} GiB, of which {memory.available / _GIBIBYTE:.1f} GiB available",
    ]
    if averages := load():
        lines.append("load " + " ".join(f"{value:.2f}" for value in averages))
    if folder is not None:
        try:
            disk = psutil.disk_usage(str(folder))
        except OSError as error:
            lines.append(f"the free space of {folder} is unknown: {error.strerror}")
        else:
            lines.append(f"disk of {folder}: {disk.free / _GIBIBYTE:.1f} of {disk.total / _GIBIBYTE:.1f} GiB free")
    return lines
