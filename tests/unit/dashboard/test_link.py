"""The sidecar behind the dashboard, where it answers with an error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.console.client import Client, RemoteError, SidecarLostError
from sidecar.dashboard import link as module
from sidecar.dashboard.link import Link
from sidecar.wire.messages import ErrorBody


class EndingClient:
    """A sidecar that was told to stop as soon as it started."""

    killed = False

    async def call(self, channel: str) -> Any:
        raise RemoteError(ErrorBody("SHUTTING_DOWN", f"No more {channel}"))

    async def kill(self) -> None:
        self.killed = True


async def test_a_sidecar_that_will_not_serve_is_lost_and_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    client = EndingClient()

    async def start(*_: Any, **__: Any) -> EndingClient:
        return client

    monkeypatch.setattr(Client, "start", start)
    link = Link([])
    with pytest.raises(SidecarLostError, match="No more backend:status"):
        await link.start()
    assert client.killed
    assert await link.close() == 1


class HangingClient(EndingClient):
    """A sidecar that first has too many requests, and then answers none."""

    asked = 0

    async def call(self, channel: str) -> Any:
        self.asked += 1
        if self.asked == 1:
            raise RemoteError(ErrorBody("TOO_MANY_REQUESTS", channel))
        await asyncio.Event().wait()


async def test_a_sidecar_that_refused_one_check_is_still_found_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    client: Any = HangingClient()
    await Link([])._watch(client)
    assert client.killed
    assert client.asked == 1 + module.LOOKS_MISSED
