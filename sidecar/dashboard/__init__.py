"""``sidecar dashboard``: one page on 127.0.0.1 that shows a sidecar of its own, over a WebSocket with the protocol's messages."""
