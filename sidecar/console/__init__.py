"""The headless tools: each a client of the real sidecar over real stdio."""
