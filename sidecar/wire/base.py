"""The base of every message and payload."""

from __future__ import annotations

from msgspec import Struct


class Wire(Struct, frozen=True, rename="camel"):
    """Base of everything that crosses the wire."""
