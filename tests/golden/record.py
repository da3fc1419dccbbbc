"""Records a new conversation with a real sidecar: ``python -m tests.golden.record``, into recordings/lifecycle.json.

A start, every channel, mistakes, a crash and its recovery, a stop, the end. Kept, so that the schemas of later versions
are held to what an earlier sidecar really said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import sys
import tempfile
from pathlib import Path

from tests.support.backends import http_backend, trouble
from tests.support.client import RemoteError, SidecarClient

TARGET = Path(__file__).parent / "recordings" / "lifecycle.json"
ROOT = TARGET.parents[3]
_LATER = (
    "backend:stop",
    "backend:start",
    "sidecar:shutdown",
    "sidecar:power",
    "sidecar:subscribe",
    "sidecar:unsubscribe",
)


async def _converse() -> SidecarClient:
    async with SidecarClient(http_backend("--say", "hello"), settings={"timeouts.restart_delay": 0.05}) as client:
        await client.call("sidecar:subscribe", ["backend:log"])
        started = await client.call("backend:waitForReady", {"timeout": 20})
        for channel in client.hello["channels"]:
            if channel not in _LATER:
                with contextlib.suppress(RemoteError):
                    await client.call(channel)
        for channel, args in {"backend:logs": [{"lines": 0}], "nothing:here": [], "sidecar:power": ["sleep"]}.items():
            with contextlib.suppress(RemoteError):
                await client.call(channel, *args)
        mark = client.mark()
        await trouble(started["port"], "crash?kind=kill")
        await client.state("RUNNING", since=mark)
        await client.call("backend:stop")
        with contextlib.suppress(RemoteError):
            await client.call("backend:version")
    return client


def main() -> None:
    """Records and writes."""
    client = asyncio.run(_converse())
    TARGET.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in client.recording)
    for private, public in {
        sys.prefix: "/python",
        str(ROOT): "/app",
        platform.node(): "host",
        tempfile.gettempdir(): "/tmp",
    }.items():
        lines = lines.replace(private, public)
    TARGET.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
