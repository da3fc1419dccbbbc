"""Writes MEGABYTES to stdout as fast as they are read, then a last line: flood.py MEGABYTES."""

import os
import sys

block = b"x" * 65535 + b"\n"
for _number in range(int(sys.argv[1]) * 16):
    left = memoryview(block)
    while left:
        left = left[os.write(1, left) :]
os.write(1, b"the last line\n")
