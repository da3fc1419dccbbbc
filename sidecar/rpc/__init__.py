"""Carries messages: bytes in and out of this process, and requests to the functions that answer them."""
