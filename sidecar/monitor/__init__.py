"""Watches one run: when it is ready, whether it is well, and what it tells about its providers."""

from .monitor import Monitor, MonitorSink, Watched

__all__ = ["Monitor", "MonitorSink", "Watched"]
