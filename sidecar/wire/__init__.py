"""Frames, messages and their types; knows nothing about backends."""
