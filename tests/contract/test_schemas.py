"""The generated files against the table and a real conversation."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.settings.model import Settings
from sidecar.wire.channels import CHANNELS, EVENTS
from tests.support.backends import http_backend, trouble
from tests.support.client import RemoteError, SidecarClient
from tests.support.schemas import conversation_mistakes, index, mistakes, validator

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = sorted((ROOT / "tests" / "golden" / "recordings").glob("*.json"))


def test_the_index_lists_every_channel_and_event_with_a_title_and_a_valid_schema() -> None:
    assert list(index()["channels"]) == list(CHANNELS)
    assert list(index()["events"]) == list(EVENTS)
    for entry in index()["channels"].values():
        assert entry["title"]
        validator(entry["args"])
        validator(entry["result"])
    for entry in index()["events"].values():
        assert entry["title"]
        validator(entry["payload"])


def test_the_settings_schema_takes_the_defaults_and_refuses_what_the_sidecar_refuses() -> None:
    import msgspec

    assert mistakes("settings.json", json.loads(msgspec.json.encode(Settings()))) == []
    for wrong in ({"backend": {"port": 0}}, {"timeouts": {"startup": 0}}, {"nothing": {}}, {"log": {"level": "loud"}}):
        assert mistakes("settings.json", wrong)


@pytest.mark.parametrize(
    ("channel", "args", "valid"),
    [
        ("backend:status", [{"anything": 1}, 2], True),
        ("backend:start", [1], False),
        ("backend:logs", [], True),
        ("backend:logs", [None], True),
        ("backend:logs", [{"lines": 5, "stream": "both"}], True),
        ("backend:logs", [{"lines": 0}], False),
        ("sidecar:subscribe", [["backend:log"]], True),
        ("sidecar:subscribe", [], False),
        ("sidecar:power", ["sleep"], False),
    ],
)
def test_args_schemas_take_what_the_channels_take(channel: str, args: list[Any], valid: bool) -> None:
    assert (mistakes(index()["channels"][channel]["args"], args) == []) is valid


async def test_a_real_conversation_agrees_with_the_schemas() -> None:
    settings = {"restart.first_delay": 0.05, "restart.attempts": 1, "timeouts.restart_delay": 0.05}
    async with SidecarClient(http_backend(), settings=settings) as client:
        await client.call("sidecar:subscribe", ["backend:log"])
        started = await client.call("backend:waitForReady")
        quiet = {"backend:start", "sidecar:subscribe", "sidecar:unsubscribe", "sidecar:power", "sidecar:shutdown"}
        for channel in set(CHANNELS) - quiet:
            with contextlib.suppress(RemoteError):
                await client.call(channel)
        started = await client.call("backend:start")
        await client.call("sidecar:power", "suspend")
        await client.call("sidecar:power", "resume")
        await client.call("sidecar:unsubscribe", ["backend:log"])
        with pytest.raises(RemoteError):
            await client.call("backend:logs", {"lines": "many"})
        mark = client.mark()
        await trouble(started["port"], "crash?kind=kill")
        await client.event("backend:crash", since=mark)
        await client.state("RUNNING", since=mark)
    codes = {message["error"]["code"] for _, message in client.recording if message["type"] == "error"}
    assert "INTERNAL" not in codes
    spoken = {message["type"] for _, message in client.recording}
    assert spoken == {"hello", "request", "response", "error", "event"}
    assert list(conversation_mistakes(client.recording)) == []


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_kept_recording_still_agrees_with_the_schemas(path: Path) -> None:
    recording = json.loads(path.read_text(encoding="utf-8"))
    assert recording
    assert list(conversation_mistakes(recording)) == []


def test_a_message_that_breaks_its_schema_is_found() -> None:
    recording = [
        ("client", {"type": "request", "id": 1, "channel": "backend:stop"}),
        ("sidecar", {"type": "response", "id": 1, "result": {"success": "yes"}}),
        ("sidecar", {"type": "event", "channel": "backend:log", "payload": {}, "seq": "1"}),
    ]
    assert len(list(conversation_mistakes(recording))) == 5
