"""Watches one run: when it is ready, whether it is well, and what it says about its providers."""

from .monitor import Monitor

__all__ = ["Monitor"]
