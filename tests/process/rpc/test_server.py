"""The server over real descriptors: a child with a few handlers, and pipes, sockets and files of every kind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from sidecar.wire.framing import framed
from tests.support.echo_server import STATUS
from tests.support.pipes import Message, PipedProcess, pack, unpack_all
from tests.support.processes import until

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "tests.support.echo_server"]
DEADLINE = 60.0


def request(request_id: Any, channel: str, *args: Any) -> bytes:
    return pack({"type": "request", "id": request_id, "channel": channel, "args": args})


class Child:
    """The child over pipes, and its answers."""

    def __init__(self, *options: str) -> None:
        self.messages: list[Message] = []
        self.ended = asyncio.Event()
        self.process = PipedProcess(
            [*COMMAND, *options], env=os.environ, cwd=ROOT, on_messages=self.messages.extend, on_end=self.ended.set
        )

    def send(self, *frames: bytes) -> None:
        self.process.write(b"".join(frames))

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition, DEADLINE, what=lambda: (self.messages[-3:], self.process.stderr[-2000:]))

    async def answers(self, count: int) -> list[Message]:
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def exit(self) -> int:
        return await asyncio.to_thread(self.process.wait, DEADLINE)

    def answered(self, request_id: int | None) -> list[str]:
        """The code of each error, or "response", with that id."""
        return [
            message["error"]["code"] if message["type"] == "error" else message["type"]
            for message in self.messages
            if message.get("id", "none") == request_id
        ]


@pytest_asyncio.fixture
async def children() -> AsyncIterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(*options: str) -> Child:
        started.append(Child(*options))
        return started[-1]

    yield start
    for child in started:
        await asyncio.to_thread(child.process.destroy)


Start = Callable[..., Child]


async def test_the_end_of_a_pipe_is_the_loss_of_the_owner_and_everything_before_it_is_answered(children: Start) -> None:
    child = children()
    child.send(*[request(number, "sidecar:ping", number) for number in range(1000)])
    child.process.close_stdin()
    assert await child.exit() == STATUS["owner_lost"]
    assert [message["result"] for message in child.messages] == list(range(1000))


async def test_nothing_that_anybody_prints_reaches_the_protocol(children: Start) -> None:
    child = children()
    child.send(request(1, "backend:ping"), request(2, "sidecar:ping", "x"))
    await child.answers(2)
    child.process.close_stdin()
    await child.exit()
    assert (child.answered(1), child.answered(2)) == (["NOT_RUNNING"], ["response"])
    assert b"this must not reach the protocol" in child.process.stderr
    assert b"nor this" in child.process.stderr


async def test_one_byte_at_a_time(children: Start) -> None:
    child = children()
    data = request(1, "sidecar:ping", "slow") + request(2, "backend:getUrl")
    for byte in data:
        child.send(bytes([byte]))
    await child.answers(2)
    assert child.messages[0]["result"] == "slow"


async def test_a_hundred_thousand_requests_at_once_are_each_answered_once(children: Start) -> None:
    child = children()
    count = 100_000
    child.process.pause_reading()
    child.send(*[request(number, "sidecar:ping", number) for number in range(count)])
    await asyncio.sleep(0)
    child.process.resume_reading()
    await child.until(lambda: len(child.messages) == count)
    assert [message["id"] for message in child.messages] == list(range(count))
    assert all(message["result"] == message["id"] for message in child.messages)


async def test_a_frame_above_the_limit_is_a_framing_error_and_one_at_the_limit_is_not(children: Start) -> None:
    child = children("--max-frame", "5000")
    overhead = len(request(1, "sidecar:ping", b"x" * 4000)) - 4 - 4000
    child.send(request(1, "sidecar:ping", b"x" * (5000 - overhead)))
    child.send(request(2, "backend:logs", {"lines": 5}))
    child.send(request(3, "sidecar:ping", b"x" * (5000 - overhead + 1)))
    assert await child.exit() == STATUS["framing"]
    assert (child.answered(1), child.answered(2), child.answered(3)) == (["response"], ["RESULT_TOO_LARGE"], [])


async def test_deep_nesting_is_answered_and_the_next_frame_served(children: Start) -> None:
    child = children()
    body = b"\x84\xa4args\x91" + b"\x91" * 100_000 + b"\xc0\xa7channel\xacsidecar:ping\xa2id\x01\xa4type\xa7request"
    child.send(framed(body), request(2, "sidecar:ping"))
    await child.answers(2)
    assert (child.answered(1), child.answered(2)) == (["INVALID_ARGS"], ["response"])


@pytest.mark.parametrize("size", [1, 65_536, 1_000_000, pytest.param(16_000_000, marks=pytest.mark.slow)])
async def test_frames_of_any_size_come_back(children: Start, size: int) -> None:
    child = children()
    payload = os.urandom(1000) * (size // 1000) or b"x"
    child.send(request(1, "sidecar:ping", payload), request(2, "sidecar:ping", payload))
    await child.answers(2)
    assert [message["result"] == payload for message in child.messages] == [True, True]


def memory(pid: int) -> int:
    """Resident bytes of a process and of its children, because in a Windows venv the spawned process is a launcher."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


async def test_a_client_that_reads_nothing_stops_the_reading_and_loses_no_answer(children: Start) -> None:
    child = children()
    child.send(request(0, "sidecar:ping"))
    await child.answers(1)
    before = memory(child.process.pid)
    child.process.pause_reading()
    count = 300
    child.send(*[request(number, "backend:logs", {"lines": 1024}) for number in range(1, count)])
    child.send(*[request(count + number, "sidecar:ping", b"x" * 8000) for number in range(count)])
    await child.until(lambda: memory(child.process.pid) > before + 30_000_000)
    await asyncio.sleep(0.3)  # time in which the 300 MB would be made
    assert memory(child.process.pid) < before + 80_000_000
    child.process.resume_reading()
    await child.until(lambda: len(child.messages) == 2 * count)
    assert [message["id"] for message in child.messages] == list(range(2 * count))


async def test_the_end_of_stdin_is_noticed_with_32_mib_unsent(children: Start) -> None:
    child = children()
    child.send(request(0, "sidecar:ping"))
    await child.answers(1)
    child.process.pause_reading()
    child.send(*[request(number, "backend:logs", {"lines": 15_000}) for number in range(1, 6)])
    child.process.close_stdin()
    await child.until(lambda: b"end: owner_lost" in child.process.stderr)
    await child.until(lambda: not child.process.alive)


async def test_events_give_way_while_the_client_does_not_read_and_are_counted(children: Start) -> None:
    child = children()
    child.send(request(1, "sidecar:subscribe", ["backend:log"]))
    await child.answers(1)
    child.process.pause_reading()
    child.send(request(2, "backend:logs", {"lines": 4096}), request(3, "backend:ffmpegStatus"))
    await asyncio.sleep(0.3)  # time in which the child makes its 10 000 events
    child.process.resume_reading()
    await child.until(lambda: child.messages[-1].get("channel") in {"backend:log", "backend:startupProgress"})
    await child.until(
        lambda: (
            {(m["channel"], m["seq"]) for m in child.messages if m["type"] == "event"}
            >= {("backend:log", 5000), ("backend:startupProgress", 5000)}
        )
    )
    for channel in ("backend:log", "backend:startupProgress"):
        logs = [message for message in child.messages if message.get("channel") == channel]
        assert len(logs) < 5000
        expected = 0
        for message in logs:
            expected += 1 + message.get("dropped", 0)
            assert message["seq"] == expected
        assert expected == 5000
    assert (child.answered(2), child.answered(3)) == (["response"], ["response"])


async def test_a_shutdown_is_answered_before_the_end(children: Start) -> None:
    child = children()
    child.send(
        request(1, "backend:start"),
        request(2, "sidecar:shutdown"),
        request(3, "backend:getUrl"),
        request(4, "sidecar:ping"),
    )
    assert await child.exit() == STATUS["shutdown"]
    answered = [child.answered(number) for number in range(1, 5)]
    assert answered == [["SHUTTING_DOWN"], ["response"], ["SHUTTING_DOWN"], ["response"]]


async def test_a_stdout_without_a_reader_is_the_loss_of_the_owner() -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(write_end)
    os.close(read_end)
    try:
        process.stdin.write(request(1, "sidecar:ping"))
        process.stdin.flush()
        assert await asyncio.to_thread(process.wait, DEADLINE) == STATUS["owner_lost"]
        assert b"stdout can no longer be written to" in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        process.stdin.close()


def run_on_files(tmp_path: Path, data: bytes) -> tuple[int, list[Message], str]:
    (tmp_path / "frames.bin").write_bytes(data)
    with (tmp_path / "frames.bin").open("rb") as source, (tmp_path / "answers.bin").open("wb") as target:
        done = subprocess.run(
            COMMAND, stdin=source, stdout=target, stderr=subprocess.PIPE, cwd=ROOT, timeout=60, check=False
        )
    return done.returncode, unpack_all((tmp_path / "answers.bin").read_bytes()), done.stderr.decode()


def test_the_requests_of_a_file_are_all_answered_even_those_that_wait(tmp_path: Path) -> None:
    frames = [request(number, "sidecar:ping", "x" * 100) for number in range(5000)]
    frames += [request(5000, "backend:waitForReady", {"timeout": 0.2}), request(5001, "backend:getUrl")]
    status, messages, stderr = run_on_files(tmp_path, b"".join(frames))
    assert status == STATUS["input_done"], stderr
    assert [message["id"] for message in messages] == [*range(5000), 5001, 5000]
    assert messages[-1]["result"] == "waited"


def test_a_file_that_ends_within_a_frame_is_answered_as_far_as_it_goes(tmp_path: Path) -> None:
    status, messages, stderr = run_on_files(tmp_path, request(1, "sidecar:ping") + request(2, "sidecar:ping")[:-1])
    assert status == STATUS["input_done"]
    assert [message["id"] for message in messages] == [1]
    assert "ended in the middle of a frame" in stderr


def test_an_empty_file_is_done_at_once(tmp_path: Path) -> None:
    assert run_on_files(tmp_path, b"")[:2] == (STATUS["input_done"], [])


@pytest.mark.posix(reason="/dev/full is a full disk that every Linux has")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_stdout_is_the_loss_of_the_owner() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            COMMAND,
            input=request(1, "sidecar:ping"),
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert done.returncode == STATUS["owner_lost"]
    assert b"No space left on device" in done.stderr


@pytest.mark.posix(
    reason="a socketpair as stdin and stdout is what Node makes on POSIX; descriptors are inherited by number"
)
def test_one_socket_for_both_is_served_and_its_half_close_noticed_under_pressure() -> None:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, cwd=ROOT)
    theirs.close()
    try:
        ours.settimeout(DEADLINE)
        ours.sendall(request(1, "sidecar:ping", "over a socket"))
        assert b"over a socket" in ours.recv(65536)
        ours.sendall(request(2, "backend:logs", {"lines": 15_000}) * 3 + request(3, "sidecar:ping"))
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(DEADLINE) == STATUS["owner_lost"]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        ours.close()


@pytest.mark.posix(reason="O_NONBLOCK belongs to the open file, which parent and child share there")
def test_descriptors_are_blocking_again_afterwards_as_they_were_found() -> None:
    read_end, write_end = os.pipe()
    answers_read, answers_write = os.pipe()
    try:
        process = subprocess.Popen(COMMAND, stdin=read_end, stdout=answers_write, stderr=subprocess.DEVNULL, cwd=ROOT)
        os.write(write_end, request(1, "sidecar:ping"))
        assert os.read(answers_read, 65536)
        assert not os.get_blocking(read_end)
        os.write(write_end, request(2, "sidecar:shutdown"))
        assert process.wait(DEADLINE) == STATUS["shutdown"]
        assert os.get_blocking(read_end)
        assert os.get_blocking(answers_write)
    finally:
        for descriptor in (read_end, write_end, answers_read, answers_write):
            os.close(descriptor)
