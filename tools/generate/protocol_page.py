"""The regions of docs/protocol.md that come from the table, the Structs and the error tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sidecar import errors
from sidecar.wire.channels import CHANNELS, EVENTS

from . import regions, typescript
from .regions import row
from .schema import MESSAGES, components

_DATA = re.compile(r" ?data: (.+?)\.(?= |$)")


def filled(text: str) -> str:
    """Returns the page with its regions refilled. Raises KeyError for an unknown region."""
    return regions.filled(text, _REGIONS)


def _channels() -> Iterator[str]:
    yield "| channel | args | result | what it does |\n|---|---|---|---|\n"
    for name, channel in CHANNELS.items():
        args = ", ".join(_argument(kind) for kind in channel.args or ()) or "none"
        args += "" if not channel.args or channel.required else ", or none"
        yield row(f"`{name}`", args, f"`{typescript.result_type(name, channel.result)}`", channel.title)


def _argument(kind: Any) -> str:
    return f"`{typescript.type_of(kind)}`"


def _failures() -> Iterator[str]:
    yield "| channel | its messages begin with |\n|---|---|\n"
    for name, channel in CHANNELS.items():
        if channel.failure:
            yield row(f"`{name}`", f"`{channel.failure}: `")


def _events() -> Iterator[str]:
    yield "| event | payload | comes | on overflow | when |\n|---|---|---|---|---|\n"
    for name, event in EVENTS.items():
        payload = f"`{typescript.result_type(name, event.payload)}`"
        yield row(f"`{name}`", payload, "opt-in" if event.opt_in else "always", event.overflow, event.title)


def _errors() -> Iterator[str]:
    yield "| code | meaning | `data` |\n|---|---|---|\n"
    classes = (value for value in vars(errors).values() if isinstance(value, type))
    kinds = {kind.code: kind for kind in classes if issubclass(kind, errors.SidecarError)}
    for code in typescript.error_codes():
        meaning = " ".join((kinds[code].__doc__ or "").split())
        data = _DATA.search(meaning)
        yield row(f"`{code}`", _DATA.sub("", meaning), f"`{data[1]}`" if data else "")


def _types() -> Iterator[str]:
    kinds: list[Any] = [kind for channel in CHANNELS.values() for kind in (channel.result, *(channel.args or ()))]
    kinds += [event.payload for event in EVENTS.values()]
    yield "```ts\n"
    messages = {kind.__name__ for kind in MESSAGES.values()}
    texts = (typescript.interface(name, one) for name, one in sorted(components(kinds).items()) if name not in messages)
    yield "\n".join(text.replace("export ", "") for text in texts)
    yield "```\n"


_REGIONS: dict[str, Callable[[], Iterator[str]]] = {
    "channels": _channels,
    "failures": _failures,
    "events": _events,
    "errors": _errors,
    "types": _types,
}
