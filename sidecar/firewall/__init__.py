"""Reads the Windows Firewall's rules and explains what they mean for the backend; on other systems it reports that there is no firewall to check."""

import sys

HAS_FIREWALL = sys.platform == "win32"  # whether this system has the firewall that this package reads
