"""Monitors one run: readiness, health, and the status of its providers."""

from .monitor import Monitor

__all__ = ["Monitor"]
