"""The headless tools' client with a sidecar that misbehaves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from sidecar.console import client as module
from sidecar.console.client import Client, SidecarLostError
from tests.support.pipes import pack

DEAF = """
import sys, time
from sidecar.wire.hello import hello_frame
sys.stdout.buffer.write(hello_frame(1, 1 << 24, 256) + bytes.fromhex(sys.argv[1]))
sys.stdout.flush()
time.sleep(600)
"""


def deaf(*messages: dict[str, Any]) -> list[str]:
    """A sidecar that sends this after its hello, and reads nothing."""
    return [sys.executable, "-c", DEAF, b"".join(map(pack, messages)).hex()]


async def test_giving_up_on_a_sidecar_that_reads_nothing_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serve_command", deaf)
    client = await Client.start([])
    try:
        call = asyncio.create_task(client.call("sidecar:ping", "x" * (1 << 20)))  # more than pipe and buffer hold
        done, _ = await asyncio.wait({call}, timeout=0.2)
        assert not done
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=60)
        assert done
        assert call.cancelled()
    finally:
        await client.kill()


async def test_a_defect_of_a_listener_is_the_end_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"type": "event", "channel": "backend:log", "payload": {}, "seq": 1}
    monkeypatch.setattr(module, "serve_command", lambda: deaf(event))

    def listen(_channel: str, payload: Any) -> None:
        assert payload["text"]

    client = await Client.start([], on_event=listen)
    with pytest.raises(SidecarLostError, match="KeyError: 'text'"):
        await asyncio.wait_for(client.call("sidecar:ping"), 60)
    assert await asyncio.wait_for(client.close(), 60) != 0


@pytest.mark.parametrize("iterations", range(6))
async def test_a_request_to_end_that_comes_with_the_hello_counts(
    iterations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11's ``asyncio.wait_for`` loses one that comes between the end of what it waits for and its own."""
    monkeypatch.setattr(module, "serve_command", deaf)
    cancelled = asyncio.get_running_loop().create_future()

    def cancel_after(more: int) -> None:
        if more:
            asyncio.get_running_loop().call_soon(cancel_after, more - 1)
        else:
            cancelled.set_result(started.cancel())

    def take(client: Client, message: Any) -> None:
        taken(client, message)
        cancel_after(iterations)

    taken = Client._take
    monkeypatch.setattr(Client, "_take", take)
    started = asyncio.create_task(Client.start([]))
    await asyncio.wait({started})
    if await cancelled:
        assert started.cancelled()
    else:  # it was there already
        await started.result().kill()
