"""What sidecar:info reports: versions, settings in force, and what the sidecar itself costs."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module

from .. import __version__
from ..process.platform import SYSTEM
from ..settings.masking import masked
from ..settings.model import Settings
from ..wire.messages import SidecarInfo
from ..wire.names import PROTOCOL

_PACKAGES = ("msgspec", "aiohttp", "psutil", "loguru")


def describe(settings: Settings, *, started: float, warnings: list[str]) -> SidecarInfo:
    """The facts now. ``started`` on time.monotonic(); a package that was not needed so far is imported to ask it its version."""
    import psutil

    return SidecarInfo(
        version=__version__,
        protocol=PROTOCOL,
        python=sys.version.split()[0],
        platform=SYSTEM,
        pid=os.getpid(),
        uptime=round(time.monotonic() - started, 3),
        cpu_seconds=round(time.process_time(), 3),
        memory=psutil.Process().memory_info().rss,
        packages={name: str(import_module(name).__version__) for name in _PACKAGES},
        settings=masked(settings),
        warnings=warnings,
    )
