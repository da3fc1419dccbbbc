"""Listens on PORT, writes LINES lines of SIZE bytes each for every "LINES SIZE RATE" that a connection sends, and answers when done.

RATE is lines a second, 0: as many as the pipe takes.
"""

import os
import socket
import sys
import time

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    order = connection.recv(100)
    if not order:
        continue
    lines, size, rate = map(int, order.split())
    block = min(lines, max(1, rate // 100 or 65536 // size))
    data = (b"x" * (size - 1) + b"\n") * block
    began = time.monotonic()
    written = 0
    while written < lines:
        view = memoryview(data)[: (lines - written) * size]
        while view:
            view = view[os.write(1, view) :]
        written += block
        if rate:
            time.sleep(max(0.0, began + written / rate - time.monotonic()))
    connection.sendall(b"done")
    connection.close()
