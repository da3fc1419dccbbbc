"""The channels about the sidecar itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..monitor import Monitor
from ..rpc.server import Server
from ..settings.model import Settings
from ..wire.messages import SidecarInfo, Subscribed, Success
from .ending import Ending
from .log_channel import LogChannel


class SidecarChannels:
    """Ping, info, subscriptions, power events and the end."""

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
        """``started`` on time.monotonic(); ``warnings`` of the start."""
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
            "sidecar:ping": self.ping,
            "sidecar:info": self.info,
            "sidecar:subscribe": self.subscribe,
            "sidecar:unsubscribe": self.unsubscribe,
            "sidecar:power": self.power,
            "sidecar:shutdown": self.shutdown,
        }

    def ping(self, argument: Any = None) -> Any:
        """sidecar:ping: the argument back."""
        return argument

    def info(self) -> SidecarInfo:
        """sidecar:info."""
        from .sidecar_info import describe

        return describe(self._settings, started=self._started, warnings=self._warnings)

    def subscribe(self, names: list[str]) -> Subscribed:
        """sidecar:subscribe."""
        in_force = self._server.outbox.subscribe(names)
        self._logs.subscriptions_changed()
        return Subscribed(subscribed=in_force)

    def unsubscribe(self, names: list[str]) -> Subscribed:
        """sidecar:unsubscribe."""
        in_force = self._server.outbox.unsubscribe(names)
        self._logs.subscriptions_changed()
        return Subscribed(subscribed=in_force)

    def power(self, change: Literal["suspend", "resume"]) -> None:  # noqa: ARG002 - both mean that silence proves nothing
        """sidecar:power."""
        self._monitor.suspended()

    def shutdown(self) -> asyncio.Future[Success]:
        """sidecar:shutdown: later requests are refused at once; answered when the backend is gone."""
        return self._ending.request()
