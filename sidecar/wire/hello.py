"""The hello frame, encoded before the program runs: nothing that could encode it need be imported to send it.

``python -m sidecar.wire.hello`` rewrites the literal below after a change of names.py or the version; a contract test
holds it against CHANNELS, EVENTS and the version.
"""

# Everything that is the same in every process: 8 keys, then all but the values of pid, maxFrame and maxInFlight.
# fmt: off
_CONSTANT = (
    b"\x88"
    b"\xa4type\xa5hello\xa8protocol\x01\xa7sidecar\xa50.1.0"
    b"\xa8channels\xdc\x00\x1d"
    b"\xaebackend:getUrl"
    b"\xaebackend:health"
    b"\xacbackend:ping"
    b"\xacbackend:info"
    b"\xafbackend:version"
    b"\xb6backend:providerStatus"
    b"\xb4backend:ffmpegStatus"
    b"\xafbackend:restart"
    b"\xacbackend:stop"
    b"\xaebackend:status"
    b"\xb5backend:checkFirewall"
    b"\xb7backend:getFirewallRule"
    b"\xbabackend:getFirewallCommand"
    b"\xadbackend:start"
    b"\xb4backend:waitForReady"
    b"\xacbackend:logs"
    b"\xbabackend:createFirewallRule"
    b"\xb1backend:resources"
    b"\xb4backend:crashReports"
    b"\xb3backend:crashReport"
    b"\xb0backend:diagnose"
    b"\xb4runtime:getBootstrap"
    b"\xb6runtime:getDiagnostics"
    b"\xacsidecar:info"
    b"\xacsidecar:ping"
    b"\xb1sidecar:subscribe"
    b"\xb3sidecar:unsubscribe"
    b"\xadsidecar:power"
    b"\xb0sidecar:shutdown"
    b"\xa6events\x99"
    b"\xb4backend:healthUpdate"
    b"\xb6backend:providerUpdate"
    b"\xb4backend:stateChanged"
    b"\xb7backend:startupProgress"
    b"\xadbackend:crash"
    b"\xabbackend:log"
    b"\xafbackend:exposed"
    b"\xb6backend:resourceUpdate"
    b"\xb5backend:resourceAlert"
)
# fmt: on


def hello_frame(pid: int, max_frame: int, max_in_flight: int) -> bytes:
    """The first frame, length included; each number below 2**32."""
    body = _CONSTANT
    for key, number in ((b"\xa3pid", pid), (b"\xa8maxFrame", max_frame), (b"\xabmaxInFlight", max_in_flight)):
        body += key + b"\xce" + number.to_bytes(4, "big")  # 0xce: uint32, of one width whatever the number
    return len(body).to_bytes(4, "big") + body


def constant_source() -> str:
    """The assignment as it should stand above, one piece a line."""
    import msgspec

    from .. import __version__
    from .names import CHANNEL_NAMES, EVENT_NAMES, PROTOCOL

    encode = msgspec.msgpack.encode
    pieces = [b"\x88", b"".join(map(encode, ("type", "hello", "protocol", PROTOCOL, "sidecar", __version__)))]
    for key, names in (("channels", CHANNEL_NAMES), ("events", EVENT_NAMES)):
        header = encode([None] * len(names))[: -len(names)]  # a nil takes one byte
        pieces += [encode(key) + header, *map(encode, names)]
    return "_CONSTANT = (\n" + "".join(f"    {_literal(piece)}\n" for piece in pieces) + ")"


def _literal(piece: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in piece)
    return f'b"{text}"'


def rewrite() -> bool:
    """Brings the literal in this file up to date; whether that changed anything."""
    from pathlib import Path

    path = Path(__file__)
    source = path.read_text(encoding="utf-8")
    before, rest = source.split("# fmt: off\n", 1)
    after = rest.split("# fmt: on\n", 1)[1]
    renewed = f"{before}# fmt: off\n{constant_source()}\n# fmt: on\n{after}"
    if renewed == source:
        return False
    path.write_text(renewed, encoding="utf-8", newline="\n")
    return True


if __name__ == "__main__":
    import sys

    sys.stderr.write("hello was rewritten\n" if rewrite() else "hello is up to date\n")
