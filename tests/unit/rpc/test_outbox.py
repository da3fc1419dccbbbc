from __future__ import annotations

from typing import Any

import pytest

from sidecar.errors import InvalidArgsError
from sidecar.rpc.outbox import KEPT_BYTES, KEPT_OLDEST, Outbox
from sidecar.wire.channels import Notification
from sidecar.wire.messages import EventMessage
from sidecar.wire.observe import LogLine

EVENTS = {
    "keep": Notification(Any, opt_in=False, overflow="keep", title=""),
    "latest": Notification(Any, opt_in=False, overflow="coalesce", title=""),
    "log": Notification(Any, opt_in=True, overflow="drop_oldest", title=""),
}


class Client:
    """Accepts what is sent; ``slow`` makes it congested, ``capacity`` after so many events."""

    def __init__(self) -> None:
        self.sent: list[EventMessage] = []
        self.slow = False
        self.capacity: int | None = None
        self.refuses = False
        self.outbox = Outbox(EVENTS, self._take, self._congested)

    def _take(self, event: EventMessage) -> bool:
        if self.refuses:
            return False
        self.sent.append(event)
        return True

    def _congested(self) -> bool:
        return self.slow or (self.capacity is not None and len(self.sent) >= self.capacity)

    def seqs(self, channel: str) -> list[tuple[int, int]]:
        return [(event.seq, event.dropped or 0) for event in self.sent if event.channel == channel]


def test_each_channel_counts_for_itself_from_one() -> None:
    client = Client()
    for channel in ("keep", "latest", "keep"):
        client.outbox.push(channel, 0)
    assert client.seqs("keep") == [(1, 0), (2, 0)]
    assert client.seqs("latest") == [(1, 0)]


def test_an_asked_channel_comes_only_when_asked_for_and_counts_always() -> None:
    client = Client()
    assert not client.outbox.wanted("log")
    client.outbox.push("log", 0)
    client.outbox.skip("log", 3)
    assert client.outbox.subscribe(["log"]) == ["log"]
    assert client.outbox.wanted("log")
    client.outbox.push("log", 0)
    client.outbox.push("log", 0)
    assert client.outbox.unsubscribe(["log"]) == []
    client.outbox.push("log", 0)
    client.outbox.subscribe(["log"])
    client.outbox.push("log", 0)
    assert client.seqs("log") == [(5, 4), (6, 0), (8, 1)]


def test_under_pressure_the_latest_of_a_repeatable_event_is_kept() -> None:
    client = Client()
    client.outbox.push("latest", "a")
    client.slow = True
    for payload in "bcd":
        client.outbox.push("latest", payload)
    assert client.outbox.holding
    client.outbox.drain()
    assert client.seqs("latest") == [(1, 0)]
    client.slow = False
    client.outbox.drain()
    assert not client.outbox.holding
    assert client.seqs("latest") == [(1, 0), (4, 2)]
    assert client.sent[-1].payload == "d"
    client.outbox.push("latest", "e")
    assert client.seqs("latest")[-1] == (5, 0)


def test_under_pressure_log_lines_go_oldest_first_and_are_counted() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    for number in range(KEPT_OLDEST + 5):
        client.outbox.push("log", number)
    client.slow = False
    client.outbox.drain()
    assert client.seqs("log")[:2] == [(6, 5), (7, 0)]
    assert len(client.sent) == KEPT_OLDEST


def test_under_pressure_long_lines_are_bounded_by_the_memory_that_they_take() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    for number in range(KEPT_OLDEST):
        client.outbox.push("log", LogLine("", "stdout", f"{number}\N{GRINNING FACE}".ljust(65_536)))  # 256 KiB as a str
    client.slow = False
    client.outbox.drain()
    assert len(client.sent) == KEPT_BYTES // (4 * 65_536) - 1
    assert client.seqs("log")[0] == (KEPT_OLDEST - 14, KEPT_OLDEST - 15)
    assert client.seqs("log")[-1] == (KEPT_OLDEST, 0)


def test_under_pressure_what_must_be_kept_is_still_sent() -> None:
    client = Client()
    client.slow = True
    client.outbox.push("keep", 0)
    assert client.seqs("keep") == [(1, 0)]


def test_a_held_event_is_never_overtaken_by_a_later_one_of_its_channel() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    client.outbox.push("log", 0)
    client.slow = False
    client.outbox.push("log", 1)
    assert client.sent == []
    client.outbox.drain()
    assert client.seqs("log") == [(1, 0), (2, 0)]


def test_draining_stops_when_the_client_falls_behind_again() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    for number in range(5):
        client.outbox.push("log", number)
    client.slow, client.capacity = False, 2
    client.outbox.drain()
    assert client.seqs("log") == [(1, 0), (2, 0)]
    client.capacity = None
    client.outbox.drain()
    assert client.seqs("log")[2:] == [(3, 0), (4, 0), (5, 0)]


def test_what_is_one_event_goes_before_a_flood_of_lines_that_was_there_first() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    for number in range(100):
        client.outbox.push("log", number)
    client.outbox.push("latest", "here")
    client.slow, client.capacity = False, 10
    client.outbox.drain()
    assert [event.payload for event in client.sent] == ["here", *range(9)]


def test_giving_a_subscription_up_forgets_what_is_held() -> None:
    client = Client()
    client.outbox.subscribe(["log"])
    client.slow = True
    client.outbox.push("log", 0)
    client.outbox.unsubscribe(["log"])
    client.slow = False
    client.outbox.drain()
    assert client.sent == []


def test_an_event_that_could_not_be_sent_counts_as_missing() -> None:
    client = Client()
    client.refuses = True
    client.outbox.push("keep", 0)
    client.refuses = False
    client.outbox.push("keep", 0)
    assert client.seqs("keep") == [(2, 1)]


def test_a_name_that_hello_does_not_list_changes_nothing() -> None:
    client = Client()
    client.outbox.subscribe(["keep"])
    with pytest.raises(InvalidArgsError, match="'nope'"):
        client.outbox.subscribe(["log", "nope"])
    with pytest.raises(InvalidArgsError, match="'nope'"):
        client.outbox.unsubscribe(["keep", "nope"])
    with pytest.raises(InvalidArgsError) as refused:
        client.outbox.subscribe([f"{number}{'x' * 1000}" for number in range(1000)])
    assert len(refused.value.message) < 1000
    assert client.outbox.subscribe([]) == ["keep"]


def test_subscriptions_come_in_the_order_of_hello_each_once() -> None:
    assert Client().outbox.subscribe(["log", "keep", "log"]) == ["keep", "log"]
