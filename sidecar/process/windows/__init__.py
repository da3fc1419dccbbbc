"""Processes on Windows: job objects instead of a guardian. Imports nothing, because contain_self must run early."""
