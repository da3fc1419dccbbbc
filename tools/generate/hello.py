"""The literal in sidecar/wire/hello.py. The frame is encoded here, so that the sidecar can send it before it imports a codec."""

from __future__ import annotations

import re

import msgspec

from sidecar import __version__
from sidecar.wire.channels import CHANNELS, EVENTS
from sidecar.wire.hello import PROTOCOL

_WIDTH = 120 - len('    b""')
_LITERAL = re.compile(r"(?<=# fmt: off\n).*?(?=# fmt: on\n)", re.DOTALL)


def filled(source: str) -> str:
    """Returns the module with the literal for the current names and version."""
    return _LITERAL.sub(lambda _: literal(), source)


def literal() -> str:
    """Returns the assignment, in lines of at most 120 characters."""
    encode = msgspec.msgpack.encode
    pieces = [b"\x88", b"".join(map(encode, ("type", "hello", "protocol", PROTOCOL, "sidecar", __version__)))]
    for key, names in (("channels", CHANNELS), ("events", EVENTS)):
        header = encode([None] * len(names))[: -len(names)]  # a nil takes one byte
        pieces += [encode(key) + header, *map(encode, names)]
    lines = [""]
    for piece in map(_escaped, pieces):
        if len(lines[-1] + piece) > _WIDTH:
            lines.append("")
        lines[-1] += piece
    return "_CONSTANT = (\n" + "".join(f'    b"{line}"\n' for line in lines) + ")\n"


def _escaped(piece: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in piece)
