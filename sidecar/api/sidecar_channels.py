"""The channels about the sidecar itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Literal

from .. import __version__
from ..monitor import Monitor
from ..process.platform import SYSTEM
from ..rpc.server import Server
from ..settings.model import Settings
from ..wire.messages import SidecarInfo, Subscribed
from ..wire.names import PROTOCOL
from .ending import Ending
from .log_channel import LogChannel

_PACKAGES = ("msgspec", "aiohttp", "psutil", "loguru")


class SidecarChannels:
    """Ping, info, subscriptions, power events and the end; ``started`` on time.monotonic(), ``warnings`` of the start."""

    def __init__(
        self,
        settings: Settings,
        server: Server,
        monitor: Monitor,
        logs: LogChannel,
        ending: Ending,
        *,
        started: float,
        warnings: list[str],
    ) -> None:
        self._settings = settings
        self._server = server
        self._monitor = monitor
        self._logs = logs
        self._ending = ending
        self._started = started
        self._warnings = warnings

    def table(self) -> Mapping[str, Callable[..., Any]]:
        """Channel name to function."""
        return {
            "sidecar:ping": lambda argument=None: argument,
            "sidecar:info": self._info,
            "sidecar:subscribe": partial(self._change_subscriptions, self._server.outbox.subscribe),
            "sidecar:unsubscribe": partial(self._change_subscriptions, self._server.outbox.unsubscribe),
            "sidecar:power": self._power,
            "sidecar:shutdown": self._ending.request,
        }

    def _info(self) -> SidecarInfo:
        """Versions, settings in force, and costs; a package that was not needed so far is imported to ask it its version."""
        import psutil

        from ..settings.masking import masked

        return SidecarInfo(
            version=__version__,
            protocol=PROTOCOL,
            python=sys.version.split()[0],
            platform=SYSTEM,
            pid=os.getpid(),
            uptime=round(time.monotonic() - self._started, 3),
            cpu_seconds=round(time.process_time(), 3),
            memory=psutil.Process().memory_info().rss,
            packages={name: str(import_module(name).__version__) for name in _PACKAGES},
            settings=masked(self._settings),
            warnings=self._warnings,
        )

    def _change_subscriptions(self, change: Callable[[Sequence[str]], list[str]], names: list[str]) -> Subscribed:
        in_force = change(names)
        self._logs.subscriptions_changed()
        return Subscribed(subscribed=in_force)

    def _power(self, change: Literal["suspend", "resume"]) -> None:  # noqa: ARG002 - both mean that silence proves nothing
        self._monitor.suspended()
