"""The headless tools' client, where the sidecar does not do as it should."""

from __future__ import annotations

import asyncio
import sys

import pytest

from sidecar.console import client as module
from sidecar.console.client import Client

DEAF = """
import sys, time
from sidecar.wire.hello import hello_frame
sys.stdout.buffer.write(hello_frame(1, 1 << 24, 256))
sys.stdout.flush()
time.sleep(600)
"""


async def test_who_gives_up_on_a_sidecar_that_reads_nothing_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serve_command", lambda: [sys.executable, "-c", DEAF])
    client = await Client.start([])
    try:
        call = asyncio.create_task(client.call("sidecar:ping", "x" * (1 << 20)))  # more than pipe and buffer hold
        done, _ = await asyncio.wait({call}, timeout=0.2)
        assert not done
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=20)
        assert done
        assert call.cancelled()
    finally:
        await client.kill()
