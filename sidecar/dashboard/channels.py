"""The channels that a page may call."""

from __future__ import annotations

# Least privilege: only what the page uses. Omitted on purpose: sidecar:shutdown (the command that started the sidecar
# ends it, with its own limits), sidecar:power (a browser is not notified of a suspend), sidecar:info (it has the
# settings), backend:createFirewallRule (requests administrator rights).
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

# Handled separately for each tab: another tab may still want what one unsubscribes from.
SUBSCRIBE = "sidecar:subscribe"
UNSUBSCRIBE = "sidecar:unsubscribe"
SERVED = FORWARDED | {SUBSCRIBE, UNSUBSCRIBE}
