"""The backend of ``sidecar demo``: a small web server on 127.0.0.1 that crashes on request."""

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

LIVE_PATH = "/health"
STOP_PATH = "/demo/stop"
CRASH_PATH = "/demo/crash"
CRASH_STATUS = 134  # a shell's status for SIGABRT, which is how a .NET server crashes


class _Server(ThreadingTCPServer):  # HTTPServer would look up its own name, which may take seconds
    allow_reuse_address = True
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self._answer(202)
        if self.path == CRASH_PATH:
            sys.stderr.write("Unhandled exception. The crash button was pressed.\n")
            sys.stderr.flush()
            os._exit(CRASH_STATUS)
        if self.path == STOP_PATH:
            threading.Thread(target=self.server.shutdown).start()  # it waits for the server's loop

    def _answer(self, status: int) -> None:
        body = b'{"status": "healthy"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def main(argv: Sequence[str]) -> int:
    """Serves until asked to stop; ``argv`` is ``["--port", "PORT"]``."""
    if len(argv) != 2 or argv[0] != "--port" or not argv[1].isdigit():
        sys.stderr.write("Usage: python -m sidecar.console.demo_backend --port PORT\n")
        return 64
    with suppress(KeyboardInterrupt), _Server(("127.0.0.1", int(argv[1])), _Handler) as server:
        print(f"Now listening on: http://127.0.0.1:{argv[1]}", flush=True)
        server.serve_forever(poll_interval=0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
