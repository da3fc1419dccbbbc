"""Knows bytes and messages, nothing of backends."""
