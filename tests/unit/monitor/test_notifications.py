"""Which senders' notifications count for a run, in memory."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.monitor.notifications import Notifications
from sidecar.process.base import Datagram
from sidecar.settings.masking import mask_text
from sidecar.supervisor.stream import RunEnded, RunLaunching, RunStarted, Stream
from tests.support.processes import until

pytestmark = pytest.mark.posix(reason="the loop of Windows watches no descriptors, and nothing notifies there")

EARLIER, NEW = 100, 200  # pids


class Channel:
    """What waits to be read; its descriptor is never readable."""

    def __init__(self, descriptor: int) -> None:
        self.waiting: deque[Datagram] = deque()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def receive(self, size: int) -> Datagram | None:
        del size
        return self.waiting.popleft() if self.waiting else None


@pytest.fixture
def channel() -> Iterator[Channel]:
    read, write = os.pipe()
    yield Channel(read)
    os.close(read)
    os.close(write)


async def test_what_a_run_says_before_its_launch_is_published_counts_and_what_an_earlier_one_said_does_not(
    channel: Channel,
) -> None:
    """After a crash the launch is published late (Stream.hold), and a quick backend is ready by then."""
    defects: list[str] = []
    stream = Stream(lambda where, error: defects.append(f"{where}: {error!r}"))
    process = SimpleNamespace(identity=SimpleNamespace(pid=NEW), processes=list)
    supervisor: Any = SimpleNamespace(
        stream=stream, run=SimpleNamespace(number=2, process=process), post=lambda _event: None
    )
    warnings: list[str] = []
    notifications = Notifications(channel, supervisor, watchdog=0, mask=mask_text, report=warnings.append)  # type: ignore[arg-type]  # a double
    channel.waiting += [Datagram(b"STATUS=saving", EARLIER, False), Datagram(b"READY=1", NEW, False)]
    stream.publish(RunLaunching(supervisor.run))
    stream.publish(RunStarted(supervisor.run))
    assert notifications.ready.is_set()
    assert (notifications.status, warnings, defects) == ("", [], [])
    asyncio.get_running_loop().remove_reader(channel.fileno())


async def test_what_a_run_says_is_shown_without_its_secrets(channel: Channel) -> None:
    shown: list[Any] = []
    process = SimpleNamespace(identity=SimpleNamespace(pid=NEW), processes=list)
    run = SimpleNamespace(number=1, process=process)
    supervisor: Any = SimpleNamespace(stream=Stream(lambda *_: None), run=run, post=shown.append)
    notifications = Notifications(channel, supervisor, watchdog=0, mask=mask_text, report=shown.append)  # type: ignore[arg-type]  # a double
    channel.waiting.append(Datagram(b"STATUS=connecting to postgres://app:s3cr3tPw@db/app", NEW, False))
    notifications.hung()
    assert (shown[0].message, notifications.status) == ("connecting to postgres://***@db/app",) * 2


async def test_a_flood_of_states_is_shown_in_few_the_last_one_included(channel: Channel) -> None:
    """Each was a message to every window of the app: 20 000 in a second."""
    shown: list[Any] = []
    process = SimpleNamespace(identity=SimpleNamespace(pid=NEW), processes=list)
    run = SimpleNamespace(number=1, process=process)
    supervisor: Any = SimpleNamespace(stream=Stream(lambda *_: None), run=run, post=shown.append)
    notifications = Notifications(channel, supervisor, watchdog=0, mask=mask_text, report=shown.append)  # type: ignore[arg-type]  # a double
    for count in range(500):
        channel.waiting.append(Datagram(b"STATUS=%d" % count, NEW, False))
    while channel.waiting:
        notifications.hung()
    await until(lambda: shown[-1].message == "499")
    assert shown[0].message == "0"
    assert len(shown) <= 5


async def test_a_flood_leaves_the_loop_most_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The senders of more than 800 in a second are held back by the kernel; they took a core."""
    read, write = os.pipe()
    os.write(write, b"readable")
    channel = Channel(read)
    count = 0

    def receive(_size: int) -> Datagram:
        nonlocal count
        count += 1
        return Datagram(b"WATCHDOG=1", NEW, False)

    monkeypatch.setattr(channel, "receive", receive)
    process = SimpleNamespace(identity=SimpleNamespace(pid=NEW), processes=list)
    run = SimpleNamespace(number=1, process=process)
    stream = Stream(lambda *_: None)
    supervisor: Any = SimpleNamespace(stream=stream, run=run, post=lambda _event: None)
    Notifications(channel, supervisor, watchdog=0, mask=mask_text, report=pytest.fail)  # type: ignore[arg-type]  # a double
    stream.publish(RunStarted(run))  # type: ignore[arg-type]  # a double
    for _ in range(2):
        before = count
        await asyncio.sleep(0.1)
        assert 0 < count - before <= 7 * 16
        stream.publish(RunEnded(run))  # type: ignore[arg-type]  # a double
        before = count
        await asyncio.sleep(0.05)
        assert count == before
        stream.publish(RunStarted(run))  # type: ignore[arg-type]  # a double
    stream.publish(RunEnded(run))  # type: ignore[arg-type]  # a double
    os.close(read)
    os.close(write)


async def test_senders_of_a_huge_tree_leave_the_loop_most_of_its_time(channel: Channel) -> None:
    """For each sender it looked at the whole tree: thousands of processes, each with a notification, blocked it for seconds."""
    now, waits = [0.0], []

    def processes() -> list[Any]:
        now[0] += 0.5
        return []

    loop: Any = SimpleNamespace(
        time=lambda: now[0],
        add_reader=lambda _descriptor, call: call(),
        remove_reader=lambda _descriptor: None,
        call_later=lambda seconds, _call: waits.append(seconds),
    )
    run = SimpleNamespace(number=1, process=SimpleNamespace(identity=SimpleNamespace(pid=NEW), processes=processes))
    stream = Stream(lambda *_: None)
    supervisor: Any = SimpleNamespace(stream=stream, run=run, post=pytest.fail)
    Notifications(channel, supervisor, watchdog=0, mask=str, report=lambda _text: None, _loop=loop)  # type: ignore[arg-type]  # a double
    channel.waiting.extend(Datagram(b"STATUS=x", NEW + 1 + number, False) for number in range(100))
    stream.publish(RunStarted(run))  # type: ignore[arg-type]  # a double
    assert (len(channel.waiting), waits) == (98, [2.0])
