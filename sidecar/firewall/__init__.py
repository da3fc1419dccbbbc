"""Reads the Windows Firewall's rules and reports what they mean for the backend; elsewhere it only reports that none exists."""

import sys

HAS_FIREWALL = sys.platform == "win32"
"""Whether this system has the firewall that this package reads."""
