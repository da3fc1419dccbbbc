"""docs/protocol.md matches the product; its tables are generated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

from sidecar import argv
from sidecar.api import backend_channels
from sidecar.observe import lines
from sidecar.rpc import outbox, server
from sidecar.wire import framing, messages, observe
from sidecar.wire.channels import CHANNELS, EVENTS
from sidecar.wire.hello import DEFAULT_MAX_FRAME, DEFAULT_MAX_IN_FLIGHT, PROTOCOL
from tools.pages import Page, page, values

from . import facts, missing, unknown
from .names import error_kinds

PATH = "docs/protocol.md"


def check() -> Iterator[str]:
    """Finds wrong statements and omissions on the page."""
    one = page(PATH)
    shown = [message for block in one.blocks() if block.language == "json" for message in values(block.text)]
    yield from invalid(shown, {code.strip("`") for code, *_ in one.rows("Errors")})
    yield from _hello(one, shown)
    yield from _limits(one)
    yield from _lists(one)


def invalid(shown: list[dict[str, Any]], codes: set[str]) -> Iterator[str]:
    """Yields shown messages that the schemas refuse, with their payloads, and message types that are not shown."""
    schemas = import_module("tests.support.schemas")
    index, mistakes = schemas.index(), schemas.mistakes
    for kind in sorted(set(index["messages"]) - {message["type"] for message in shown}):
        yield f"{PATH}: no message of type {kind} is shown"
    channels = {one["id"]: one["channel"] for one in shown if one["type"] == "request"}
    for message in shown:
        found = list(mistakes(index["messages"][message["type"]]["schema"], message))
        if message["type"] == "request":
            found += mistakes(index["channels"][message["channel"]]["args"], message["args"])
        elif message["type"] == "event":
            found += mistakes(index["events"][message["channel"]]["payload"], message["payload"])
        elif message["type"] == "response":
            found += mistakes(index["channels"][channels[message["id"]]]["result"], message["result"])
        elif message["type"] == "error" and message["error"]["code"] not in codes:
            found.append(f"{message['error']['code']} has no row")
        yield from (f"{PATH}: the shown {message['type']}: {text}" for text in found)


def _hello(one: Page, shown: list[dict[str, Any]]) -> Iterator[str]:
    hello = next(message for message in shown if message["type"] == "hello")
    limits = (hello["maxFrame"], hello["maxInFlight"])
    yield from facts(
        PATH,
        (limits == (DEFAULT_MAX_FRAME, DEFAULT_MAX_IN_FLIGHT), "the shown hello has other limits"),
        (hello["protocol"] == PROTOCOL, "the shown hello has another version"),
    )
    yield from unknown(PATH, "channel or event", {*hello["channels"], *hello["events"]}, {*CHANNELS, *EVENTS})
    (block,) = (block for block in one.blocks() if block.language == "hex")
    frame = bytes.fromhex(block.text)
    request = {"type": "request", "id": 1, "channel": "backend:status", "args": []}
    if import_module("tests.golden.frames").encoded(request) != frame:
        yield f"{block}: these are not the bytes of the shown request"
    yield from missing(PATH, one.text, f"# Wire protocol, version {PROTOCOL}\n", f"is these {len(frame)} bytes")


def _limits(one: Page) -> Iterator[str]:
    http = {getattr(backend_channels, f"_{name}") for name in ("HEALTH", "INFO", "VERSION", "FFMPEG")}
    finish = inspect.signature(server.Server.finish).parameters
    in_force = {
        "body of a frame, both ways": [1, DEFAULT_MAX_FRAME, *argv.MAX_FRAME_RANGE],
        "requests in flight": [DEFAULT_MAX_IN_FLIGHT, *argv.MAX_IN_FLIGHT_RANGE],
        "`id`": [0, messages.MAX_ID],
        "unsent answers and events": [server.MAX_UNSENT],
        "log lines kept for a slow client": [outbox.KEPT_OLDEST, outbox.KEPT_BYTES],
        "length of a log line": [lines.MAX_LINE],
        "unsent data at exit": [one.default for one in finish.values() if one.default is not one.empty],
        "response time of the backend's endpoints, in seconds: ping, provider status, others": [
            backend_channels._PING,  # noqa: SLF001 - the page states it
            backend_channels._PROVIDERS,  # noqa: SLF001 - as above
            *http,
        ],
    }
    shown = {what: [int(number) for number in re.findall(r"\d+", limit)] for what, limit, _ in one.rows("Limits")}
    for what in sorted(shown.keys() | in_force.keys()):
        if shown.get(what) != in_force.get(what):
            yield f"{PATH}: limit {what!r}: the page says {shown.get(what)}, in force is {in_force.get(what)}"
    if server.RESUME_UNSENT * 2 != server.MAX_UNSENT:
        yield f"{PATH}: reading goes on at half of what may be unsent, says the page"
    yield from missing(PATH, one.text, f"shows the first\n{framing._SHOWN} bytes")  # noqa: SLF001 - the page states it


def _lists(one: Page) -> Iterator[str]:
    legacy = [name for name, channel in CHANNELS.items() if channel.args is None]
    kinds = error_kinds()
    statuses = {int(status) for status, _ in one.rows("Exit statuses")}
    yield from facts(
        PATH,
        (
            legacy == list(CHANNELS)[: len(legacy)] and len(legacy) == 13,
            "the legacy channels are not the first thirteen",
        ),
        (statuses == {0} | {kind.exit_status for kind in kinds}, "the exit statuses are not those of the errors"),
    )
    codes = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", one.text)) - {"SIDECAR_COMMAND"}
    yield from unknown(PATH, "error code", codes, {kind.code for kind in kinds})
    words = (*get_args(messages.StateName), *get_args(observe.Reason), *get_args(observe.Phase))
    yield from (f"{PATH}: {name} is not shown" for name in words if not re.search(rf"\b{name}\b", one.text))
    yield from missing(PATH, one.text, "The first thirteen are those")
