"""What pages may ask of the backend's output, however often they do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.api.log_channel import LogChannel
from sidecar.observe.logs import BackendLog
from sidecar.rpc import server as servers
from sidecar.supervisor.stream import Stream
from sidecar.wire.channels import LogsArgs


def _fail(where: str, error: BaseException) -> None:
    pytest.fail(f"{where}: {error}")


class Client:
    """Reads nothing until it is told to."""

    def __init__(self, unsent: int) -> None:
        self.unsent = unsent

    async def drained(self, timeout: float) -> None:
        await asyncio.sleep(timeout / 100)


def _channel(output: Any, client: Client) -> LogChannel:
    server: Any = servers.Server.__new__(servers.Server)
    server._writer, server.outbox = client, SimpleNamespace()
    supervisor: Any = SimpleNamespace(stream=Stream(_fail))
    return LogChannel(server, supervisor, output)


async def test_a_hundred_questions_at_once_are_answered_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    channel = _channel(output, Client(0))
    answers = await asyncio.gather(*(channel.read(LogsArgs(lines=100)) for _ in range(100)))
    assert len(answers) == 100
    assert most == 1
    await output.close(60)


async def test_no_answer_is_made_while_the_client_has_not_read_those_before(tmp_path: Path) -> None:
    client = Client(servers.RESUME_UNSENT + 1)
    answer = asyncio.ensure_future(_channel(BackendLog(tmp_path, pytest.fail), client).read())
    done, _ = await asyncio.wait({answer}, timeout=0.05)
    assert not done
    client.unsent = 0
    assert await answer == []
