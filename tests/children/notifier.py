"""A backend that reports as to systemd: it listens on PORT, and sends the words of its HTTP paths to NOTIFY_SOCKET.

notifier.py PORT [WORD...]: the words are sent at startup, before it listens; percent-encoded as in a URL, with a comma for a new line.
GET /say/WORD sends one later; /many/N sends READY with N descriptors; /fork/WORD sends one from a child; /hang answers and falls silent.
"""

from __future__ import annotations

import http.server
import json
import os
import socket
import sys
import urllib.parse

CHANNEL = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ADDRESS = os.environ.get("NOTIFY_SOCKET", "")
if ADDRESS:
    CHANNEL.connect("\0" + ADDRESS[1:] if ADDRESS.startswith("@") else ADDRESS)


def send(word: str) -> None:
    text = urllib.parse.unquote_to_bytes(word.replace(",", "\n"))
    CHANNEL.send(text)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        order, _, word = self.path[1:].partition("/")
        if order == "say":
            send(word)
        elif order == "many":
            socket.send_fds(CHANNEL, [b"STATUS=many"], [0] * int(word))
        elif order == "fork":
            read, write = os.pipe()
            if os.fork() == 0:
                send(word)
                os.read(read, 1)  # lives until its parent has answered
                os._exit(0)
            self.answer()
            os.close(write)
            return
        self.answer()

    def answer(self) -> None:
        body = json.dumps(
            {name: os.environ.get(name) for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


for each in sys.argv[2:]:
    send(each)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
