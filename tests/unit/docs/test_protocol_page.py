"""docs/protocol.md against the product; that its tables are those of the code is held by the schema tests."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sidecar import argv
from sidecar.errors import SidecarError
from sidecar.observe import lines
from sidecar.rpc import handlers, outbox, server
from sidecar.wire import codec, framing, names
from sidecar.wire.channels import CHANNELS, EVENTS
from tests.golden.frames import encoded
from tests.support.schemas import index, mistakes
from tools.generate import protocol_page as generator
from tools.pages import page, values

PAGE = page("docs/protocol.md")
MESSAGES: list[dict[str, Any]] = [
    message for block in PAGE.blocks() if block.language == "json" for message in values(block.text)
]
CODES = {code for code, *_ in PAGE.rows("Errors")}


def kinds(kind: type[SidecarError] = SidecarError) -> list[type[SidecarError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in kinds(child))]


def test_every_type_of_message_is_shown() -> None:
    assert {message["type"] for message in MESSAGES} == set(index()["messages"])


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one["type"])
def test_a_shown_message_is_valid_with_what_it_carries(message: dict[str, Any]) -> None:
    assert mistakes(index()["messages"][message["type"]]["schema"], message) == []
    if message["type"] == "request":
        assert mistakes(index()["channels"][message["channel"]]["args"], message["args"]) == []
    elif message["type"] == "event":
        assert mistakes(index()["events"][message["channel"]]["payload"], message["payload"]) == []
    elif message["type"] == "response":
        asked = {one["id"]: one["channel"] for one in MESSAGES if one["type"] == "request"}[message["id"]]
        assert mistakes(index()["channels"][asked]["result"], message["result"]) == []
    elif message["type"] == "error":
        assert f"`{message['error']['code']}`" in CODES


def test_the_shown_hello_tells_the_true_limits() -> None:
    hello = next(message for message in MESSAGES if message["type"] == "hello")
    assert (hello["maxFrame"], hello["maxInFlight"]) == (names.DEFAULT_MAX_FRAME, names.DEFAULT_MAX_IN_FLIGHT)
    assert hello["protocol"] == names.PROTOCOL
    assert f"# Wire protocol, version {names.PROTOCOL}\n" in PAGE.text
    assert set(hello["channels"]) <= set(CHANNELS)
    assert set(hello["events"]) <= set(EVENTS)


def test_the_shown_bytes_are_the_shown_request() -> None:
    (block,) = (block for block in PAGE.blocks() if block.language == "hex")
    frame = bytes.fromhex(block.text)
    request = {"type": "request", "id": 1, "channel": "backend:status", "args": []}
    assert encoded(request) == frame
    assert f"is these {len(frame)} bytes" in PAGE.text


def test_the_limits_are_those_in_force() -> None:
    shown = {what: [int(number) for number in re.findall(r"\d+", limit)] for what, limit, _ in PAGE.rows("Limits")}
    assert shown == {
        "body of a frame, both ways": [1, names.DEFAULT_MAX_FRAME, *argv.MAX_FRAME_RANGE],
        "requests in flight": [names.DEFAULT_MAX_IN_FLIGHT, *argv.MAX_IN_FLIGHT_RANGE],
        "`id`": [0, codec.MAX_ID],
        "unsent answers and events": [server.MAX_UNSENT],
        "log lines held for a client that is behind": [outbox.KEPT_OLDEST],
        "length of a log line": [lines.LONGEST_LINE],
        "what is still unsent at the exit": [1],
        "an answer of the backend's endpoint, in seconds: ping, provider status, the others": [2, 10, 5],
    }
    others = {handlers._HEALTH, handlers._INFO, handlers._VERSION, handlers._FFMPEG}
    assert (handlers._PING, handlers._PROVIDERS, others) == (2.0, 10.0, {5.0})
    assert server.RESUME_UNSENT * 2 == server.MAX_UNSENT
    assert server.Server.finish.__defaults__ == (1.0,)
    assert f"shows the first\n{framing._SHOWN} bytes" in PAGE.text


def test_every_channel_event_and_code_has_its_row() -> None:
    assert [name.strip("`") for name, *_ in PAGE.rows("Channels")] == list(CHANNELS)
    assert [name.strip("`") for name, *_ in PAGE.rows("Events")] == list(EVENTS)
    assert {code.strip("`") for code in CODES} == {kind.code for kind in kinds()} - {"USAGE"}


def test_the_number_of_legacy_channels_is_told() -> None:
    legacy = [name for name, channel in CHANNELS.items() if channel.args is None]
    assert legacy == list(CHANNELS)[: len(legacy)]
    assert len(legacy) == 13
    assert "The first thirteen are those" in PAGE.text


def test_whatever_looks_like_a_name_of_ours_is_one() -> None:
    known = {*CHANNELS, *EVENTS}
    named = set(re.findall(r"\b(?:backend|runtime|sidecar):[a-zA-Z]+", PAGE.text))
    assert named <= known, named - known
    codes = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE.text)) | {"USAGE"}
    assert codes - {"SIDECAR_COMMAND"} <= {kind.code for kind in kinds()}


def test_every_exit_status_is_explained() -> None:
    assert {int(status) for status, _ in PAGE.rows("Exit statuses")} == {0} | {kind.exit_status for kind in kinds()}


def test_every_state_and_reason_of_a_change_is_shown() -> None:
    from typing import get_args

    from sidecar.wire import messages

    for name in (*get_args(messages.StateName), *get_args(messages.Reason), *get_args(messages.Phase)):
        assert re.search(rf"\b{name}\b", PAGE.text), name


def test_a_region_with_an_unknown_name_is_noticed() -> None:
    with pytest.raises(KeyError, match="colours"):
        generator.filled("<!-- generated: colours -->\n<!-- end -->\n")


def test_a_region_is_written_anew_and_the_text_around_it_stays() -> None:
    filled = generator.filled("before\n<!-- generated: failures -->\nold\n<!-- end -->\nafter\n")
    assert filled.startswith("before\n<!-- generated: failures -->\n| channel |")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert "old" not in filled
