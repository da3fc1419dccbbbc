"""Supervises the local backend of an Electron app; see README.md."""

__version__ = "0.1.0"
