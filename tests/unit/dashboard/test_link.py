"""The sidecar behind the dashboard, where it answers with an error."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.console.client import Client, RemoteError, SidecarLostError
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
