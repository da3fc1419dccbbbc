"""The channels about the sidecar itself."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from .. import __version__
from ..monitor import Monitor
from ..process.platform import SYSTEM
from ..rpc.server import Server
from ..settings.model import Settings
from ..wire.hello import PROTOCOL
from ..wire.messages import SidecarInfo, Subscribed
from .ending import Ending
from .log_channel import LogChannel

_PACKAGES = ("msgspec", "aiohttp", "psutil", "loguru")


def sidecar_channels(
    settings: Settings,
    server: Server,
    monitor: Monitor,
    logs: LogChannel,
    ending: Ending,
    *,
    mask: Callable[[str], str],
    started: float,
    warnings: list[str],
) -> Mapping[str, Callable[..., Any]]:
    """Returns the functions of the ``sidecar:`` channels. ``started``: on time.monotonic(); ``warnings``: from the start."""

    def info() -> SidecarInfo:
        """Returns versions, settings in force, memory and CPU time; imports a package that was not needed so far for its version."""
        import psutil

        from ..settings.masking import masked

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
            settings=masked(settings, mask),
            warnings=warnings,
        )

    def change_subscriptions(change: Callable[[Sequence[str]], list[str]], names: list[str]) -> Subscribed:
        in_force = change(names)
        logs.subscriptions_changed()
        return Subscribed(subscribed=in_force)

    return {
        "sidecar:ping": lambda argument=None: argument,
        "sidecar:info": info,
        "sidecar:subscribe": partial(change_subscriptions, server.outbox.subscribe),
        "sidecar:unsubscribe": partial(change_subscriptions, server.outbox.unsubscribe),
        "sidecar:power": lambda _change: monitor.suspended(),  # in both cases silence proves nothing
        "sidecar:shutdown": ending.request,
    }
