"""What pages may request of the backend's output, however often they do."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.api.log_channel import LogChannel
from sidecar.observe.logs import BackendLog
from sidecar.rpc import server as servers
from sidecar.rpc.stdio.writer import Writer
from sidecar.supervisor.stream import Stream
from sidecar.threads import in_thread
from sidecar.wire.channels import LogsArgs


def _fail(where: str, error: BaseException) -> None:
    pytest.fail(f"{where}: {error}")


class Client:
    """A pipe that accepts as much as it holds until its other end is read."""

    def __init__(self) -> None:
        self.unread, self.written = os.pipe()
        self.writer = Writer(self.written, lambda: None, lambda _error: None)

    async def read(self, size: int) -> None:
        while size > 0:
            size -= len(await in_thread(partial(os.read, self.unread, size)))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    yield made
    made.writer.close()
    os.close(made.unread)
    os.close(made.written)


def _channel(output: Any, client: Client) -> LogChannel:
    server: Any = servers.Server.__new__(servers.Server)
    server._writer, server.outbox = client.writer, SimpleNamespace()
    supervisor: Any = SimpleNamespace(stream=Stream(_fail))
    return LogChannel(server, supervisor, output)


async def test_a_hundred_questions_at_once_are_answered_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    output = BackendLog(tmp_path, pytest.fail)
    output.write("stdout", b"line\n" * 100)
    busy, most = 0, 0

    def cut(chunks: Any) -> list[Any]:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        time.sleep(0.001)
        busy -= 1
        return list(chunks)

    monkeypatch.setattr("sidecar.observe.logs._cut", cut)
    channel = _channel(output, client)
    answers = await asyncio.gather(*(channel.read(LogsArgs(lines=100)) for _ in range(100)))
    assert len(answers) == 100
    assert most == 1
    await output.close(60)


async def test_no_answer_is_made_while_the_client_has_not_read_those_before(tmp_path: Path, client: Client) -> None:
    client.writer.send(bytes(2 * servers.RESUME_UNSENT))
    answer = asyncio.ensure_future(_channel(BackendLog(tmp_path, pytest.fail), client).read())
    await client.read(servers.RESUME_UNSENT // 2)
    assert not answer.done()
    await client.read(servers.RESUME_UNSENT)
    async with asyncio.timeout(10):
        assert await answer == []
