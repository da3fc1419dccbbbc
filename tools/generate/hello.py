"""The literal in sidecar/wire/hello.py: the frame is encoded here, so that the sidecar can send it before it imports a codec."""

from __future__ import annotations

import re

import msgspec

from sidecar import __version__
from sidecar.wire.channels import CHANNELS, EVENTS
from sidecar.wire.hello import PROTOCOL

_LITERAL = re.compile(r"(?<=# fmt: off\n).*?(?=# fmt: on\n)", re.DOTALL)


def filled(source: str) -> str:
    """The module with the literal of today's names and version."""
    return _LITERAL.sub(lambda _: literal(), source)


def literal() -> str:
    """The assignment, one piece a line."""
    encode = msgspec.msgpack.encode
    pieces = [b"\x88", b"".join(map(encode, ("type", "hello", "protocol", PROTOCOL, "sidecar", __version__)))]
    for key, names in (("channels", CHANNELS), ("events", EVENTS)):
        header = encode([None] * len(names))[: -len(names)]  # a nil takes one byte
        pieces += [encode(key) + header, *map(encode, names)]
    return "_CONSTANT = (\n" + "".join(f"    {_bytes(piece)}\n" for piece in pieces) + ")\n"


def _bytes(piece: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in piece)
    return f'b"{text}"'
