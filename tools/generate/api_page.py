"""The methods of ``window.electron.backend`` in docs/api.md, from the channel table."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.wire.channels import CHANNELS, EVENTS

from . import regions
from .regions import row
from .typescript import listener_name, method_name


def filled(text: str) -> str:
    """Returns the page with the current methods."""
    return regions.filled(text, {"methods": _methods, "listeners": _listeners})


def _methods() -> Iterator[str]:
    yield "| method | resolves to |\n|---|---|\n"
    for name, channel in CHANNELS.items():
        if name.startswith("backend:"):
            yield row(f"`{method_name(name)}({'' if not channel.args else '…'})`", f"{channel.title}.")


def _listeners() -> Iterator[str]:
    yield "| method | when |\n|---|---|\n"
    for name, event in EVENTS.items():
        if name.startswith("backend:"):
            yield row(f"`{listener_name(name)}(callback)`", f"{event.title}.")
