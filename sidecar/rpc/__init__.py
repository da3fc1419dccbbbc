"""Carries messages: reads and writes the bytes, and dispatches requests to their handlers."""
