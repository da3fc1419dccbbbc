"""One tab without a socket: input, output, and what is dropped without a reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.console.client import RemoteError, SidecarLostError
from sidecar.dashboard import tab as module
from sidecar.dashboard.tab import MAX_IN_FLIGHT, Tab
from sidecar.wire.channels import CHANNELS
from sidecar.wire.messages import ErrorBody, Hello
from tests.support.processes import until

HELLO = Hello(1, "9.9.9", list(CHANNELS), ["backend:log"], 42, 1 << 24, 256)


class FakeSidecar:
    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.cancelled = 0
        self.result: Any = None

    async def call(self, channel: str, args: Iterable[Any]) -> Any:
        self.asked.append((channel, list(args)))
        if isinstance(self.result, Exception):
            raise self.result
        if self.result is Ellipsis:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return self.result


class Bench:
    def __init__(self) -> None:
        self.sidecar = FakeSidecar()
        self.dropped = 0
        self.tab = Tab(self.sidecar.call, self._drop)

    def _drop(self) -> None:
        self.dropped += 1

    def say(self, **message: Any) -> None:
        self.tab.take(json.dumps(message))

    async def read(self) -> list[Any]:
        frame = await asyncio.wait_for(self.tab.next_frame(), 60)
        return [json.loads(line) for line in frame.split("\n")]

    async def answer(self, channel: str, *args: Any, number: int = 1) -> Any:
        self.say(type="request", id=number, channel=channel, args=args)
        (message,) = await self.read()
        assert message["id"] == number
        return message


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_hello_names_only_what_a_page_may_ask(bench: Bench) -> None:
    bench.tab.greet(HELLO, [("backend:stateChanged", {"state": "RUNNING"})])
    hello, event = await bench.read()
    assert hello["type"] == "hello"
    assert (hello["protocol"], hello["sidecar"], hello["maxInFlight"]) == (1, "9.9.9", MAX_IN_FLIGHT)
    assert "backend:status" in hello["channels"]
    assert not {"sidecar:shutdown", "sidecar:power", "backend:createFirewallRule"} & set(hello["channels"])
    assert event == {"type": "event", "channel": "backend:stateChanged", "payload": {"state": "RUNNING"}, "seq": 1}


async def test_a_request_is_answered_under_its_own_id(bench: Bench) -> None:
    bench.sidecar.result = {"state": "RUNNING"}
    message = await bench.answer("backend:logs", {"lines": 3}, number=2**53 - 1)
    assert message == {"type": "response", "id": 2**53 - 1, "result": {"state": "RUNNING"}}
    assert bench.sidecar.asked == [("backend:logs", [{"lines": 3}])]


async def test_what_json_has_not_becomes_text(bench: Bench) -> None:
    bench.sidecar.result = {"bytes": b"\x00\xff", "time": datetime(2026, 1, 2, tzinfo=UTC)}
    assert (await bench.answer("backend:status"))["result"] == {"bytes": "AP8=", "time": "2026-01-02T00:00:00Z"}


async def test_an_answer_that_is_not_json_is_an_error_and_not_the_end(bench: Bench) -> None:
    bench.sidecar.result = {1.5: object()}
    assert (await bench.answer("backend:status"))["error"]["code"] == "INTERNAL"


@pytest.mark.parametrize(
    "channel", ["sidecar:shutdown", "sidecar:power", "sidecar:info", "backend:createFirewallRule", "nope"]
)
async def test_other_channels_never_reach_the_sidecar(bench: Bench, channel: str) -> None:
    assert (await bench.answer(channel))["error"]["code"] == "UNSUPPORTED"
    assert bench.sidecar.asked == []


async def test_errors_come_as_they_are(bench: Bench) -> None:
    bench.sidecar.result = RemoteError(ErrorBody("PORT_IN_USE", "taken", "free it", {"port": 5}))
    error = (await bench.answer("backend:start"))["error"]
    assert error == {"code": "PORT_IN_USE", "message": "taken", "hint": "free it", "data": {"port": 5}}
    bench.sidecar.result = SidecarLostError("gone")
    error = (await bench.answer("backend:start"))["error"]
    assert (error["code"], error["message"]) == ("SIDECAR_EXITED", "gone")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"type": "hello"}', '{"type": "request"}', '{"type": "request", "id": -1, "channel": "x"}',
     '{"type": "request", "id": 1.5, "channel": "x"}', '{"type": "request", "id": 1, "channel": "x", "args": {}}', "[" * 100_000],
)  # fmt: skip
async def test_rubbish_is_answered_and_survived(bench: Bench, text: str) -> None:
    bench.tab.take(text)
    (message,) = await bench.read()
    assert (message["id"], message["error"]["code"]) == (None, "INVALID_MESSAGE")
    bench.sidecar.result = 5
    assert (await bench.answer("backend:status"))["result"] == 5


async def test_an_id_in_flight_is_not_taken_twice_and_the_number_is_bounded(bench: Bench) -> None:
    bench.sidecar.result = ...
    for number in range(MAX_IN_FLIGHT):
        bench.say(type="request", id=number, channel="backend:start")
    assert (await bench.answer("backend:start", number=0))["error"]["code"] == "DUPLICATE_ID"
    assert (await bench.answer("backend:start", number=99))["error"]["code"] == "TOO_MANY_REQUESTS"
    bench.tab.close()
    await until(lambda: bench.sidecar.cancelled == len(bench.sidecar.asked))


async def test_a_cancel_reaches_the_sidecar_and_the_request_is_answered_once(bench: Bench) -> None:
    bench.sidecar.result = ...
    bench.say(type="request", id=7, channel="backend:start")
    await until(lambda: bench.sidecar.asked)
    bench.say(type="cancel", id=7)
    bench.say(type="cancel", id=7)
    (message,) = await bench.read()
    assert (message["id"], message["error"]["code"]) == (7, "CANCELLED")
    await until(lambda: bench.sidecar.cancelled == 1)


async def test_events_that_must_be_asked_for_come_to_who_asked(bench: Bench) -> None:
    bench.tab.outbox.push("backend:log", {"text": "not yet"})
    assert (await bench.answer("sidecar:subscribe", ["backend:log"]))["result"] == {"subscribed": ["backend:log"]}
    bench.tab.outbox.push("backend:log", {"text": "now"})
    (event,) = await bench.read()
    assert (event["payload"], event["seq"], event["dropped"]) == ({"text": "now"}, 2, 1)
    assert (await bench.answer("sidecar:unsubscribe", ["backend:log"]))["result"] == {"subscribed": []}
    for args in ([], [["nope"]], [5], [["backend:log"], 1]):
        assert (await bench.answer("sidecar:subscribe", *args))["error"]["code"] == "INVALID_ARGS"
    assert bench.sidecar.asked == []


async def test_a_tab_that_does_not_read_keeps_what_counts_and_loses_the_oldest_lines(bench: Bench) -> None:
    await bench.answer("sidecar:subscribe", ["backend:log", "backend:resourceUpdate"])
    for number in range(100_000):
        bench.tab.outbox.push("backend:resourceUpdate", {"cpu": number})
        bench.tab.outbox.push("backend:log", {"text": f"line {number}"})
    bench.tab.outbox.push("backend:stateChanged", {"state": "FAILED"})
    first = await bench.read()
    second = await bench.read() + await bench.read() + await bench.read()
    assert len(first) + len(second) < 3000
    assert first[-1]["payload"] == {"state": "FAILED"}
    lines = [message for message in first + second if message["channel"] == "backend:log"]
    assert lines[-1]["payload"] == {"text": "line 99999"}
    assert len(lines) + sum(message.get("dropped", 0) for message in lines) == 100_000
    assert (second[0]["channel"], second[0]["payload"]) == ("backend:resourceUpdate", {"cpu": 99_999})


async def test_a_tab_with_too_much_unread_is_dropped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT", 1000)
    bench.tab.outbox.push("backend:stateChanged", {"text": "x" * 900})
    assert bench.dropped == 0
    bench.tab.outbox.push("backend:stateChanged", {"text": "x" * 900})
    assert bench.dropped == 1


async def test_what_the_sidecar_left_out_is_passed_on(bench: Bench) -> None:
    await bench.answer("sidecar:subscribe", ["backend:log"])
    bench.tab.outbox.push("backend:log", {})
    bench.tab.outbox.skip("backend:log", 12)
    bench.tab.outbox.push("backend:log", {})
    _, second = await bench.read()
    assert (second["seq"], second["dropped"]) == (14, 12)


async def test_another_sidecar_starts_fresh(bench: Bench) -> None:
    await bench.answer("sidecar:subscribe", ["backend:log"])
    bench.tab.lost(ErrorBody("SIDECAR_EXITED", "gone"))
    bench.tab.greet(HELLO, [])
    bench.tab.outbox.push("backend:log", {})
    bench.tab.outbox.push("backend:crash", {})
    lost, hello, event = await bench.read()
    assert (lost["id"], lost["error"]["code"]) == (None, "SIDECAR_EXITED")
    assert hello["type"] == "hello"
    assert (event["channel"], event["seq"]) == ("backend:crash", 1)
