"""Processes on Windows: job objects instead of a guardian. Nothing is imported here, for contain_self must come early."""
