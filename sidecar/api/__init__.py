"""The channels that a client can call, and the notifications that it gets."""
