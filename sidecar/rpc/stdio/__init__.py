"""Reads stdin and writes stdout as the protocol requires."""
