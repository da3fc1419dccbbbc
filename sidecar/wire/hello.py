"""The hello frame, sent before a codec is imported; ``python -m tools.generate`` writes the literal from channels.py."""

PROTOCOL = 1
DEFAULT_MAX_FRAME = 16 * 1024 * 1024
DEFAULT_MAX_IN_FLIGHT = 256

# What is the same in every process: a map of 8 keys, without pid, maxFrame and maxInFlight.
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
