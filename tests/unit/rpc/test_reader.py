"""The reader of stdin on systems without readiness notification for it, such as Windows."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest

from sidecar.rpc.stdio import reader as module
from sidecar.rpc.stdio.reader import Reader
from sidecar.wire.framing import FrameBuffer
from tests.support.processes import until


async def test_two_chunks_that_come_in_one_turn_of_the_loop_may_pause_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLLED_KINDS", frozenset())
    loop = asyncio.get_running_loop()
    troubles: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    source, sink = os.pipe()
    ends: list[str] = []
    reads = 0

    def on_data() -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            reader.pause()

    reader = Reader(source, FrameBuffer(), on_data, lambda: ends.append("end"))
    reader.resume()
    for chunk in (b"\0\0\0\1a", b"\0\0\0\1b"):
        before = _ahead(reader)
        os.write(sink, chunk)
        deadline = time.monotonic() + 10
        while _ahead(reader) == before and time.monotonic() < deadline:
            time.sleep(0.001)  # the loop is held up on purpose, so that it finds both at once
    await until(lambda: reads == 2)
    os.close(sink)
    await until(lambda: ends)
    assert troubles == []
    reader.stop()
    os.close(source)


def _ahead(reader: Reader) -> int:
    return len(reader._thread.chunks)
