"""A client's mistakes: each gets one clear answer from the real process, and the backend never notices."""

from __future__ import annotations

import asyncio
import datetime
import struct
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from sidecar.wire.channels import CHANNELS
from tests.support.backends import http_backend
from tests.support.client import SidecarClient, failure
from tests.support.pipes import pack

LEGACY = [name for name, channel in CHANNELS.items() if channel.args is None]
STRICT = [name for name in CHANNELS if name not in LEGACY]
SAFE = [name for name in LEGACY if name not in {"backend:stop", "backend:restart"}]

WRONG: list[tuple[str, list[Any]]] = [
    ("backend:start", [1]),
    ("backend:logs", [{"lines": 0}]),
    ("backend:logs", [{"lines": "many"}]),
    ("backend:logs", [{"stream": "stdin"}]),
    ("backend:waitForReady", [{"timeout": -1}]),
    ("backend:waitForReady", [5]),
    ("sidecar:ping", [1, 2]),
    ("sidecar:power", []),
    ("sidecar:power", ["sleep"]),
    ("sidecar:subscribe", []),
    ("sidecar:subscribe", ["backend:log"]),
    ("sidecar:subscribe", [["backend:log", "backend:nope"]]),
    ("sidecar:unsubscribe", [["backend:nope"]]),
    ("sidecar:shutdown", [True]),
    ("runtime:getBootstrap", [{}]),
]
NO_MESSAGES: list[tuple[Any, int | None]] = [
    ({"type": "request", "id": 7001}, 7001),
    ({"type": "request", "id": 7001, "channel": 3}, 7001),
    ({"type": "wish", "id": 7001}, 7001),
    ({"id": 7001, "channel": "sidecar:ping"}, 7001),
    ({"type": "request", "id": -1, "channel": "sidecar:ping"}, None),
    ({"type": "request", "id": 2**53, "channel": "sidecar:ping"}, None),
    ({"type": "request", "id": 1.5, "channel": "sidecar:ping"}, None),
    ({"type": "request", "id": "7001", "channel": "sidecar:ping"}, None),
    ({"type": "request", "channel": "sidecar:ping"}, None),
    ([1, 2, 3], None),
    ("text", None),
    (None, None),
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[SidecarClient]:
    async with SidecarClient(http_backend()) as client:
        await client.call("backend:waitForReady")
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared: SidecarClient) -> AsyncIterator[SidecarClient]:
    """The sidecar of all tests here: none of the mistakes may change anything."""
    before = await shared.call("backend:waitForReady")
    yield shared
    assert await shared.call("backend:start") == before, "the backend was touched"


async def test_an_unknown_channel(client: SidecarClient) -> None:
    error = await failure(client.call("backend:explode"))
    assert error.code == "UNKNOWN_CHANNEL"
    assert "backend:explode" in error.message
    assert error.hint


async def test_what_a_channel_does_not_take_is_refused_under_its_id(client: SidecarClient) -> None:
    for channel in STRICT:
        for args in (["x", {}, 3], [{"no": "such"}, None, 7]):
            error = await failure(client.call(channel, *args))
            assert error.code == "INVALID_ARGS", (channel, args)
            assert error.message


async def test_wrong_arguments(client: SidecarClient) -> None:
    for channel, args in WRONG:
        assert (await failure(client.call(channel, *args))).code == "INVALID_ARGS", (channel, args)


async def test_a_refused_subscription_changes_nothing(client: SidecarClient) -> None:
    before = (await client.call("sidecar:subscribe", []))["subscribed"]
    await failure(client.call("sidecar:subscribe", ["backend:log", "backend:nope"]))
    assert (await client.call("sidecar:subscribe", []))["subscribed"] == before


async def test_a_legacy_channel_ignores_arguments(client: SidecarClient) -> None:
    for channel in SAFE:
        await client.call(channel, 1, "two", {"three": [3]})


async def test_extension_types_are_refused_but_for_the_timestamp(client: SidecarClient) -> None:
    for code in (0, 1, 127, -2, -128):
        error = await failure(client.call("sidecar:ping", msgspec.msgpack.Ext(code, b"1234")))
        assert error.code == "INVALID_ARGS", code
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    assert await client.call("sidecar:ping", noon) in {noon, "2026-01-02T12:00:00Z"}


async def test_a_body_that_is_not_a_message_is_answered_under_its_id_and_the_next_is_served(
    client: SidecarClient,
) -> None:
    for message, answered in NO_MESSAGES:
        before = len(client.errors)
        if answered is None:
            client.send_raw(pack(message))
            await client.until(lambda before=before: len(client.errors) > before, "a complaint")  # type: ignore[misc]
            error = client.errors[-1]
        else:
            waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            client.expect(answered, waiting)
            client.send_raw(pack(message))
            error = await failure(waiting)
        assert (error.code, error.id) == ("INVALID_MESSAGE", answered), message
        assert await client.call("sidecar:ping", "next") == "next"


async def test_bytes_that_are_not_messagepack_are_answered_without_an_id(client: SidecarClient) -> None:
    client.send_raw(struct.pack(">I", 5) + b"\xc1\xff\x00ab")
    assert (await client.error()).code == "INVALID_MESSAGE"
    assert await client.call("sidecar:ping", 1) == 1


async def test_an_id_may_be_a_float_with_an_integral_value(client: SidecarClient) -> None:
    waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client.expect(2**40, waiting)
    client.send_raw(pack({"type": "request", "id": float(2**40), "channel": "sidecar:ping", "args": ["big"]}))
    assert await waiting == "big"


async def test_unknown_keys_are_ignored(client: SidecarClient) -> None:
    waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client.expect(7002, waiting)
    client.send_raw(pack({"type": "request", "new": {"key": 1}, "id": 7002, "channel": "sidecar:ping", "args": [1]}))
    assert await waiting == 1


async def test_a_second_use_of_an_id_in_flight_is_refused_and_the_first_is_still_answered() -> None:
    async with SidecarClient(http_backend(listen_delay=1)) as client:
        first = client.request("backend:waitForReady", request_id=500)
        second: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.expect(500, second, first)
        client.send_raw(pack({"type": "request", "id": 500, "channel": "sidecar:ping", "args": []}))
        error = await failure(second)
        assert (error.code, error.id) == ("DUPLICATE_ID", 500)
        assert (await first)["success"] is True


async def test_requests_beyond_the_limit_are_each_answered_so() -> None:
    async with SidecarClient(http_backend(listen_delay=2), flags=["--max-in-flight", "8"]) as client:
        assert client.hello["maxInFlight"] == 8
        asked = [client.request("backend:waitForReady") for _ in range(20)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        codes = [getattr(answer, "code", "DONE") for answer in answers]
        assert codes == ["DONE"] * 8 + ["TOO_MANY_REQUESTS"] * 12


async def test_a_cancelled_request_is_answered_as_cancelled_and_others_continue() -> None:
    async with SidecarClient(http_backend(listen_delay=1)) as client:
        given_up, waiting = client.request("backend:start"), client.request("backend:start")
        client.cancel(given_up)
        assert (await failure(given_up)).code == "CANCELLED"
        assert (await waiting)["success"] is True
        client.cancel(waiting)  # no longer in flight: ignored
        assert await client.call("sidecar:ping", 1) == 1
        assert client.errors == []


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"[info] the server has started, says somebody\n", "[info] the server has started, s"),
        (b"\x00\x00\x00\x00rest", "rest"),
        (struct.pack(">I", 2**24 + 1) + b"x" * 40, "xxxx"),
    ],
    ids=["log line", "zero", "too long"],
)
async def test_a_framing_error_reports_what_came_and_ends_with_65_and_nothing_left(data: bytes, shown: str) -> None:
    async with SidecarClient(http_backend(), expect_exit=65) as client:
        await client.call("backend:start")
        client.process.remember_descendants()
        client.send_raw(data)
        error = await client.error("FRAME_ERROR")
        assert shown in error.message
        assert await client.wait_exit() == 65
