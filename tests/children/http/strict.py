"""A server that suffers if a probe leaves its connection open: ``strict.py MODE PORT``.

Modes: ``single`` has one thread for everything; ``joining`` waits on exit for every open connection; ``noreuse`` cannot listen
on a port on which a connection lingers; ``old`` speaks HTTP/1.0; ``closing`` announces that it closes; ``failing`` answers 503 in
two pieces; ``hidden`` answers with a redirect to HTTPS. Errors in a connection are written to stderr.
"""

import _thread
import signal
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

MODE, PORT = sys.argv[1], int(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0" if MODE == "old" else "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response({"failing": 503, "hidden": 307}.get(MODE, 200))
        if MODE == "closing":
            self.send_header("Connection", "close")
        if MODE == "hidden":
            self.send_header("Location", f"https://127.0.0.1:{PORT}/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_OPTIONS = do_GET  # noqa: N815 - the names that the class looks for

    def log_message(self, *_: object) -> None:
        pass


class Threading(socketserver.ThreadingMixIn, HTTPServer):
    pass


class NoReuse(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


server = {"joining": Threading, "noreuse": NoReuse}.get(MODE, HTTPServer)(("127.0.0.1", PORT), Handler)
signal.signal(signal.SIGTERM, lambda *_: _thread.start_new_thread(server.shutdown, ()))
print("listening", flush=True)
server.serve_forever()
server.server_close()
print("saved", flush=True)
