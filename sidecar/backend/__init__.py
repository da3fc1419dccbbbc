"""Knows the HTTP side of the backend: its port, its answers, its environment."""
