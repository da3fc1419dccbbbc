"""Reading the golden frames, and making one with the product's Python encoder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sidecar.wire import messages

FOLDER = Path(__file__).with_name("frames")
_STRUCTS: dict[str, Any] = {
    "hello": messages.Hello,
    "response": messages.Response,
    "error": messages.ErrorMessage,
    "event": messages.EventMessage,
}
_TAGS: dict[str, Callable[[Any], Any]] = {"$bytes": bytes.fromhex, "$time": datetime.fromisoformat, "$float": float}


def real(value: Any) -> Any:
    """A value with its tagged parts made real."""
    if isinstance(value, dict):
        ((key, inner), *rest) = value.items() or [("", None)]
        if key in _TAGS and not rest:
            return _TAGS[key](inner)
        return {key: real(inner) for key, inner in value.items()}
    return [real(inner) for inner in value] if isinstance(value, list) else value


def encoded(value: dict[str, Any]) -> bytes:
    """The frame, as the sidecar writes its own messages, and as a Python client would write the others."""
    message: Any = real(value)
    if value["type"] in _STRUCTS:
        message = msgspec.convert(message, _STRUCTS[value["type"]])
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body
