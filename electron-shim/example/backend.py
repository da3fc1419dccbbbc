"""A backend to look at: python3 backend.py PORT. It runs until it is stopped or killed."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers /live and /version."""

    def do_GET(self) -> None:
        """One answer."""
        known = {"/live": {"status": "healthy"}, "/version": {"version": "1.0.0", "python": sys.version.split()[0]}}
        body = json.dumps(known.get(self.path, {"error": "not found"})).encode()
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: every health check would be a line."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
