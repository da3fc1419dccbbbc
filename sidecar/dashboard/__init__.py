"""``sidecar dashboard``: a page on 127.0.0.1 that shows a sidecar, over a WebSocket with the protocol's messages."""
