"""JSON Schemas of messages, channels, events and settings, from CHANNELS, EVENTS and the Structs."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, TypeAlias

import msgspec

from sidecar.settings.model import Settings
from sidecar.settings.profiles import PROFILES
from sidecar.wire import messages as m
from sidecar.wire.channels import CHANNELS, EVENTS
from sidecar.wire.hello import PROTOCOL

from . import docstrings

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The codec keeps a request's args undecoded, which no schema can express; this is the message as a client sees it.
_REQUEST = msgspec.defstruct(
    "Request",
    [("id", m.Id), ("channel", str), ("args", list[Any], msgspec.field(default_factory=list))],
    namespace={"__doc__": "A call."},
    rename="camel",
    tag_field="type",
    tag="request",
)
MESSAGES: dict[str, Any] = {
    "hello": m.Hello,
    "request": _REQUEST,
    "cancel": m.Cancel,
    "response": m.Response,
    "error": m.ErrorMessage,
    "event": m.EventMessage,
}


def schema_of(kind: Any) -> Schema:
    """Returns the self-contained schema of a type; its references are in its ``$defs``."""
    (schema,), parts = of_kinds([kind])
    schema = dict(schema)
    if parts:
        schema["$defs"] = dict(sorted(parts.items()))
    return schema


def components(kinds: list[Any]) -> dict[str, Schema]:
    """Returns the schema of every Struct in the types, by name."""
    return of_kinds(kinds)[1]


def of_kinds(kinds: Any) -> tuple[list[Schema], dict[str, Schema]]:
    """Returns the schemas of types and of every Struct in them, without the indentation of docstrings, which Python 3.13 removes."""
    schemas, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for part in parts.values():
        if "description" in part:
            part["description"] = cleandoc(part["description"]).replace("``", "`")
    return list(schemas), parts


def args_schema(name: str) -> Schema:
    """Returns the schema of a channel's ``args`` array; a legacy channel ignores its arguments."""
    channel = CHANNELS[name]
    if channel.args is None:
        return {"type": "array", "description": "ignored"}
    if not channel.args:
        return {"type": "array", "maxItems": 0}
    items, parts = of_kinds(channel.args)
    schema: Schema = {
        "type": "array",
        "prefixItems": [
            item if place < channel.required else {"anyOf": [item, {"type": "null"}]}  # nil counts as not given
            for place, item in enumerate(items)
        ],
        "items": False,
        "minItems": channel.required,
        "maxItems": len(items),
    }
    if parts:
        schema["$defs"] = dict(sorted(parts.items()))
    return schema


def schemas() -> dict[str, Schema]:
    """Returns every schema by its path below ``schemas/``, without the extension."""
    out: dict[str, Schema] = {}

    def add(path: str, title: str, schema: Schema) -> None:
        head = {"$schema": DIALECT, "$id": f"urn:electron-backend-sidecar:{PROTOCOL}:{path}", "title": title}
        out[path] = head | {key: value for key, value in schema.items() if key != "title"}

    for name, message in MESSAGES.items():
        add(f"messages/{name}", f"Message: {name}", schema_of(message))
    for name, channel in CHANNELS.items():
        stem = f"channels/{file_name(name)}"
        add(f"{stem}.args", f"{name}: arguments", args_schema(name))
        add(f"{stem}.result", f"{name}: {channel.title}", schema_of(channel.result))
    for name, notification in EVENTS.items():
        add(f"events/{file_name(name)}", f"{name}: {notification.title}", schema_of(notification.payload))
    add("settings", "The settings file, read as TOML; durations in seconds", settings_schema())
    return out


def settings_schema() -> Schema:
    """Returns the schema of the settings file, with each setting's meaning and unit as its description."""
    schema = schema_of(Settings)
    return schema | {"$defs": settings_components(schema["$defs"])}


def settings_components(components: dict[str, Schema]) -> dict[str, Schema]:
    """Returns the settings' schemas with descriptions; the profile accepts only existing names, so that a typo is an error.

    A number with a pattern may also be a string with a unit.
    """
    documented = docstrings.documented(components)
    for schema in documented.values():
        for setting in schema.get("properties", {}).values():
            if "pattern" in setting and setting.get("type") in {"number", "integer"}:
                setting["type"] = [setting["type"], "string"]
    documented["Settings"]["properties"]["profile"]["enum"] = list(PROFILES)
    return documented


def file_name(name: str) -> str:
    """Returns a channel's name as a file name: Windows does not allow a colon."""
    return name.replace(":", ".")


def index() -> dict[str, Any]:
    """Returns schemas/index.json, which lists every schema with its title and file."""
    return {
        "protocol": PROTOCOL,
        "messages": {
            name: {"description": described(kind), "schema": f"messages/{name}.json"} for name, kind in MESSAGES.items()
        },
        "channels": {
            name: {
                "title": channel.title,
                "description": described(channel.result),
                "legacy": channel.args is None,
                "failure": channel.failure,
                "args": f"channels/{file_name(name)}.args.json",
                "result": f"channels/{file_name(name)}.result.json",
            }
            for name, channel in CHANNELS.items()
        },
        "events": {
            name: {
                "title": notification.title,
                "description": described(notification.payload),
                "optIn": notification.opt_in,
                "overflow": notification.overflow,
                "payload": f"events/{file_name(name)}.json",
            }
            for name, notification in EVENTS.items()
        },
        "settings": "settings.json",
    }


def described(kind: Any) -> str:
    """Returns the first line of a Struct's docstring; empty for other types."""
    ours = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return (kind.__doc__ or "").partition("\n")[0].replace("``", "`") if ours else ""
