"""The generated JSON Schemas, applied to conversations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2] / "schemas"
_LEGACY_ARGS = {"type": "array", "description": "ignored"}


@cache
def index() -> dict[str, Any]:
    """schemas/index.json."""
    content: dict[str, Any] = json.loads((ROOT / "index.json").read_text(encoding="utf-8"))
    return content


@cache
def validator(path: str) -> Draft202012Validator:
    """The validator of one schema file, by its path below schemas/."""
    schema = json.loads((ROOT / path).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def mistakes(path: str, value: Any) -> list[str]:
    """Describes where a value violates a schema."""
    return [f"{path}: {error.json_path}: {error.message}" for error in validator(path).iter_errors(value)]


def conversation_mistakes(recording: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """Describes where a recorded conversation violates the schemas.

    Args:
        recording: (``client`` or ``sidecar``, message) in order. The client's messages are not checked: tests send
            wrong ones on purpose.
    """
    channels: dict[int, str] = {}
    for speaker, message in recording:
        if speaker == "client":
            if message.get("type") == "request" and isinstance(message.get("channel"), str):
                channels[message["id"]] = message["channel"]
            continue
        yield from mistakes(index()["messages"][message["type"]]["schema"], message)
        if message["type"] == "event":
            yield from mistakes(index()["events"][message["channel"]]["payload"], message["payload"])
        elif message["type"] == "response":
            known = index()["channels"].get(channels.get(message["id"], ""))
            if known:
                yield from mistakes(known["result"], message["result"])
