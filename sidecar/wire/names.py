"""The names of all channels and events, and the version of the protocol.

Here, apart from their types, because hello is written before anything is imported that could hold a type.
"""

PROTOCOL = 1
DEFAULT_MAX_FRAME = 16 * 1024 * 1024
DEFAULT_MAX_IN_FLIGHT = 256

CHANNEL_NAMES = (
    "backend:getUrl",
    "backend:health",
    "backend:ping",
    "backend:info",
    "backend:version",
    "backend:providerStatus",
    "backend:ffmpegStatus",
    "backend:restart",
    "backend:stop",
    "backend:status",
    "backend:checkFirewall",
    "backend:getFirewallRule",
    "backend:getFirewallCommand",
    "backend:start",
    "backend:waitForReady",
    "backend:logs",
    "backend:createFirewallRule",
    "backend:resources",
    "backend:crashReports",
    "backend:crashReport",
    "backend:diagnose",
    "runtime:getBootstrap",
    "runtime:getDiagnostics",
    "sidecar:info",
    "sidecar:ping",
    "sidecar:subscribe",
    "sidecar:unsubscribe",
    "sidecar:power",
    "sidecar:shutdown",
)

EVENT_NAMES = (
    "backend:healthUpdate",
    "backend:providerUpdate",
    "backend:stateChanged",
    "backend:startupProgress",
    "backend:crash",
    "backend:log",
    "backend:exposed",
    "backend:resourceUpdate",
    "backend:resourceAlert",
)
