"""What a page may ask for."""

from __future__ import annotations

# Least privilege: what the page uses, and nothing else. Left out on purpose: sidecar:shutdown (the command that started
# the sidecar ends it, with its own limits), sidecar:power (a browser does not know of a suspend), sidecar:info (the
# settings), backend:createFirewallRule (asks for administrator rights).
FORWARDED = frozenset(
    {
        "backend:start",
        "backend:stop",
        "backend:restart",
        "backend:status",
        "backend:ping",
        "backend:providerStatus",
        "backend:logs",
        "backend:resources",
        "backend:crashReports",
        "backend:crashReport",
        "backend:diagnose",
        "runtime:getBootstrap",
    }
)

# Answered for each tab by itself: another tab may still want what one gives up.
SUBSCRIBE = "sidecar:subscribe"
UNSUBSCRIBE = "sidecar:unsubscribe"
SERVED = FORWARDED | {SUBSCRIBE, UNSUBSCRIBE}
