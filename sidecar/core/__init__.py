"""Decides; pure: no asyncio, no clock, no os, no logging."""
