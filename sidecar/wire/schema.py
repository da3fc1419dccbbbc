"""From CHANNELS, EVENTS and the Structs: JSON Schemas, TypeScript types and the names that the shim forwards.

Everything generated is a pure function of the table; ``main`` alone touches files, and only inside a checkout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from sidecar.errors import UsageError
from sidecar.settings import reference
from sidecar.settings.model import Settings

from . import messages as m
from .channels import CHANNELS, EVENTS
from .names import PROTOCOL

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PRELOAD_PARTS = ("bootstrap.js", "preload.js")  # beside names.js, in the order in which they require one another
# Request keeps its args undecoded, which no schema can say; this is the same message as a client sees it.
_REQUEST = msgspec.defstruct(
    "Request",
    [("id", int), ("channel", str), ("args", list[Any], msgspec.field(default_factory=list))],
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
    """The self-contained schema of a type; what it refers to stands in its ``$defs``."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema = dict(schema)
    if components:
        schema["$defs"] = dict(sorted(components.items()))
    return schema


def components(kinds: list[Any]) -> dict[str, Schema]:
    """The schema of every Struct that the types consist of, by its name."""
    return msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")[1]


def args_schema(name: str) -> Schema:
    """The schema of the ``args`` array of a channel; a legacy channel ignores whatever it is given."""
    channel = CHANNELS[name]
    if channel.args is None:
        return {"type": "array", "description": "ignored"}
    if not channel.args:
        return {"type": "array", "maxItems": 0}
    items, components = msgspec.json.schema_components(channel.args, ref_template="#/$defs/{name}")
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
    if components:
        schema["$defs"] = dict(sorted(components.items()))
    return schema


def schemas() -> dict[str, Schema]:
    """Every schema by the path that it has below ``schemas/``, without its ending."""
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
    """The schema of the settings file; each setting has its meaning and unit as its description."""
    schema = schema_of(Settings)
    return schema | {"$defs": reference.documented(schema["$defs"])}


def file_name(name: str) -> str:
    """A channel's name as a file name: Windows knows no colon there."""
    return name.replace(":", ".")


def index() -> dict[str, Any]:
    """What there is, with titles, and the file of each schema."""
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
    """What a Struct says of itself in its first line; empty for other types."""
    ours = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return (kind.__doc__ or "").partition("\n")[0].replace("``", "`") if ours else ""


def pretty(value: Any) -> str:
    """JSON as it is kept in the repository."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def generated(root: Path) -> dict[str, str]:
    """Every generated file of a checkout: path relative to it → text.

    Reads what some of them contain: the shim's preload, and the text around the tables of the protocol page.
    """
    from . import page, typescript

    files = {f"schemas/{path}.json": pretty(schema) for path, schema in schemas().items()}
    files["schemas/index.json"] = pretty(index())
    files[reference.PATH] = reference.page()
    files[page.PATH] = page.filled((root / page.PATH).read_text(encoding="utf-8"))
    files["electron-shim/types/protocol.d.ts"] = typescript.protocol_types()
    files["electron-shim/types/renderer.d.ts"] = typescript.renderer_types()
    files["electron-shim/lib/names.js"] = names = typescript.names_module()
    parts = {name: (root / f"electron-shim/lib/{name}").read_text(encoding="utf-8") for name in PRELOAD_PARTS}
    files["electron-shim/preload.standalone.js"] = typescript.standalone_preload({"names.js": names} | parts)
    return files


def checkout() -> Path:
    """The root of the checkout that this module belongs to.

    Raises:
        UsageError: the package is installed somewhere else, where there is nothing to compare or write.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "electron-shim").is_dir():
        raise UsageError(
            f"{root} is no checkout of this project: it has no electron-shim folder",
            hint="run `python -m sidecar schema` from a clone, where schemas/ and electron-shim/ are.",
        )
    return root


def drift(root: Path, files: dict[str, str]) -> list[str]:
    """One sentence for each file that differs from what the table says, is missing, or is there without a reason."""
    out = []
    for path, text in files.items():
        target = root / path
        if not target.is_file():
            out.append(f"{path} is missing")
        elif target.read_text(encoding="utf-8") != text:
            out.append(f"{path} differs from the table")
    out += [f"{path} belongs to nothing in the table" for path in leftovers(root, files)]
    return out


def release(root: Path, version: str) -> Path:
    """Keeps the schemas as those of a release: from then on they may only grow, and a test holds them to it."""
    target = root / "schemas" / "released" / f"{version}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(pretty(schemas()), encoding="utf-8", newline="\n")
    return target


def leftovers(root: Path, files: dict[str, str]) -> list[str]:
    """Schema files that the table no longer gives; the kept releases are none."""
    there = (
        path.relative_to(root).as_posix()
        for folder in ("messages", "channels", "events")
        for path in sorted((root / "schemas" / folder).glob("*.json"))
    )
    return [path for path in there if path not in files]


def main(check: bool, *, version: str | None = None) -> int:
    """Compares (``check``) or writes all generated files; 0 when they agree, 1 on drift. Speaks on stderr.

    Args:
        check: compare only.
        version: keep the schemas as those of this release as well.

    Raises:
        UsageError: this is no checkout.
    """
    root = checkout()
    files = generated(root)
    if check:
        found = drift(root, files)
        if found:
            found.append("run `python -m sidecar schema --write` and commit the result")
            sys.stderr.write("\n".join(found) + "\n")
        return 1 if found else 0
    for path in leftovers(root, files):
        (root / path).unlink()
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    if version is not None:
        release(root, version)
    return 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv[1:]))
