"""The hello frame, sent before a codec is imported; ``python -m tools.generate`` writes its literal from channels.py."""

PROTOCOL = 1
DEFAULT_MAX_FRAME = 16 * 1024 * 1024
DEFAULT_MAX_IN_FLIGHT = 256

# The part that is the same in every process: a map of 8 keys, without pid, maxFrame and maxInFlight.
# fmt: off
_CONSTANT = (
    b"\x88\xa4type\xa5hello\xa8protocol\x01\xa7sidecar\xa50.1.0\xa8channels\xdc\x00\x1d\xaebackend:getUrl"
    b"\xaebackend:health\xacbackend:ping\xacbackend:info\xafbackend:version\xb6backend:providerStatus"
    b"\xb4backend:ffmpegStatus\xafbackend:restart\xacbackend:stop\xaebackend:status\xb5backend:checkFirewall"
    b"\xb7backend:getFirewallRule\xbabackend:getFirewallCommand\xadbackend:start\xb4backend:waitForReady"
    b"\xacbackend:logs\xbabackend:createFirewallRule\xb1backend:resources\xb4backend:crashReports"
    b"\xb3backend:crashReport\xb0backend:diagnose\xb4runtime:getBootstrap\xb6runtime:getDiagnostics\xacsidecar:info"
    b"\xacsidecar:ping\xb1sidecar:subscribe\xb3sidecar:unsubscribe\xadsidecar:power\xb0sidecar:shutdown\xa6events\x99"
    b"\xb4backend:healthUpdate\xb6backend:providerUpdate\xb4backend:stateChanged\xb7backend:startupProgress"
    b"\xadbackend:crash\xabbackend:log\xafbackend:exposed\xb6backend:resourceUpdate\xb5backend:resourceAlert"
)
# fmt: on


def hello_frame(pid: int, max_frame: int, max_in_flight: int) -> bytes:
    """Returns the first frame, including its length. Each number must be below 2**32."""
    body = _CONSTANT
    for key, number in ((b"\xa3pid", pid), (b"\xa8maxFrame", max_frame), (b"\xabmaxInFlight", max_in_flight)):
        body += key + b"\xce" + number.to_bytes(4, "big")  # 0xce: uint32, the same width for every number
    return len(body).to_bytes(4, "big") + body
