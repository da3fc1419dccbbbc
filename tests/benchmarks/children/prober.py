"""Asks until the answer is 200, then prints the monotonic time of that answer: prober.py PORT PATH [PAUSE].

Without a pause it finds the first answer that anybody could have had; with one it is what an app does that polls.
"""

import os
import socket
import sys
import time

port, path, pause = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
os.write(1, b"asking\n")
end = time.monotonic() + 60
while time.monotonic() < end:
    with socket.socket() as asker:
        try:
            if sys.platform == "linux":
                asker.bind(("127.0.0.2", 0))  # so that a connect to a port without listener cannot meet itself
            asker.settimeout(5)
            asker.connect(("127.0.0.1", port))
            asker.sendall(request)
            if asker.recv(4096).split(b" ", 2)[1] == b"200":
                print(time.monotonic(), flush=True)
                break
        except (OSError, IndexError):
            pass
    if pause:
        time.sleep(pause)
