"""Reads the Windows Firewall's rules and says what they mean for the backend; off Windows it only says so."""
