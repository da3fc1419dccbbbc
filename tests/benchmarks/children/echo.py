"""Gives back what it reads, by the two cheapest calls that Python has for it: echo.py."""

import os

buffer = bytearray(1 << 18)
view = memoryview(buffer)
while count := os.readv(0, [buffer]):
    sent = 0
    while sent < count:
        sent += os.write(1, view[sent:count])
