"""An HTTP backend that behaves or misbehaves as its options and its ``/trouble/…`` endpoints say.

Uses only the standard library and listens about 10 ms after its interpreter has started (``python -I -S``), so that
tests measure the sidecar and not the backend. Its endpoints, shapes and trouble names are those of the ASP.NET Core
server that the product was made for, so that a scenario can run against either.

Options are ``--name value`` or, for the switches, ``--name`` alone; see OPTIONS.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
import time
from _json import encode_basestring_ascii

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - -I leaves it out; pathlib is slow
from trouble import crash, flood, spawn_child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OPTIONS: dict[str, Any] = {
    "port": 0,
    "listen-address": "127.0.0.1",
    "listen-delay": 0.0,  # seconds until the port opens
    "say": "",  # a line on stderr at startup
    "say-stdout": "",
    "exit-before-listening": -1,  # exit status
    "crash": "",  # exception, abort, kill or an exit status
    "crash-after": -1.0,  # seconds after the port opened
    "live-delay": 0.0,  # seconds for which /health/live is 503
    "live-status": 200,
    "answer-delay": 0.0,  # seconds before every answer
    "hang": False,  # accepts and answers nothing
    "no-shutdown-endpoint": False,
    "ignore-shutdown": False,  # answers 202, and keeps running
    "ignore-sigterm": False,
    "stop-delay": 0.0,
    "stop-when": "",  # a file: it stops only once that exists
    "flood": 0,  # bytes written to stdout from the start
    "children": "",  # plain, quiet, daemon: one of that kind at startup
    "info-status": 200,
    "body": "",  # what the info endpoint answers instead, as text
    "body-bytes": 0,  # size of the info endpoint's answer instead
}


def parse(argv: list[str]) -> dict[str, Any]:
    options = dict(OPTIONS)
    words = iter(argv)
    for word in words:
        name = word.removeprefix("--")
        default = OPTIONS[name]
        options[name] = True if default is False else type(default)(next(words))
    return options


class Backend:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.started = time.monotonic()
        self.online = True
        self.hang_until = float("inf") if options["hang"] else 0.0
        self.stopping = threading.Event()
        self.listener: socket.socket | None = None
        self.health_status = 200  # of /health/live too: the aura profile's live and health path are the same one
        self.ready_status = 200

    # How it lives and dies

    def run(self) -> None:
        options = self.options
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGINT, self.on_signal)
        for descriptor, text in ((2, options["say"]), (1, options["say-stdout"])):
            if text:
                os.write(descriptor, text.encode() + b"\n")
        if options["flood"]:
            threading.Thread(target=flood, args=(options["flood"],), daemon=True).start()
        if options["children"]:
            spawn_child(options["children"])
        time.sleep(options["listen-delay"])
        if options["exit-before-listening"] >= 0:
            os._exit(options["exit-before-listening"])
        self.listen()
        threading.Thread(target=self.accept, daemon=True).start()
        if options["crash-after"] >= 0:
            time.sleep(options["crash-after"])
            crash(options["crash"] or "exception")
        while True:
            time.sleep(3600)  # interrupted by a signal, on Windows too, which a lock's wait is not

    def listen(self) -> None:
        address, port = self.options["listen-address"], self.options["port"]
        self.listener = socket.socket()
        if os.name == "posix":
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else TIME_WAIT makes a restart fail
        try:
            self.listener.bind((address, port))
            self.listener.listen(512)
        except OSError as error:
            reason = "address already in use" if error.errno in {98, 48, 10048} else str(error)
            text = f"Unhandled exception. System.IO.IOException: Failed to bind to address http://{address}:{port}: {reason}.\n"
            os.write(2, text.encode())
            os._exit(134)

    def on_signal(self, number: int, frame: object) -> None:
        if not self.options["ignore-sigterm"]:
            _thread.start_new_thread(self.stop, ())  # a Thread acquires a lock that the interrupted code may hold

    def stop(self) -> None:
        if self.stopping.is_set():
            return
        self.stopping.set()
        if self.listener:
            self.listener.close()
        time.sleep(self.options["stop-delay"])
        while self.options["stop-when"] and not os.path.exists(self.options["stop-when"]):  # noqa: PTH110 - pathlib is slow
            time.sleep(0.005)
        os._exit(0)

    # How it answers

    def accept(self) -> None:
        assert self.listener
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                received = b""
                while True:
                    while b"\r\n\r\n" not in received:
                        chunk = connection.recv(65536)
                        if not chunk:
                            return
                        received += chunk
                    head, _, received = received.partition(b"\r\n\r\n")
                    received = read_body(connection, head, received)
                    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
                    path, _, query = target.partition("?")
                    self.answer(connection, method, path, parameters(query))
        except OSError:
            pass  # the client disconnected

    def answer(self, connection: socket.socket, method: str, path: str, query: dict[str, str]) -> None:
        if path == "/trouble/crash":
            reply(connection, 200, None)  # first: a crash would lose an unsent answer
            after = float(query.get("afterMs", "0")) / 1000
            threading.Timer(after, crash, (query.get("kind", "exception"),)).start()
            return
        if path.startswith("/trouble/"):
            reply(connection, 200, self.trouble(path.removeprefix("/trouble/"), query))
            return
        while time.monotonic() < self.hang_until:
            time.sleep(0.01)
        time.sleep(self.options["answer-delay"])
        if path == "/api/system/shutdown" and not self.options["no-shutdown-endpoint"]:
            if method != "POST":
                reply(connection, 405, None)
                return
            reply(connection, 202, {"message": "Shutdown initiated", "force": query.get("force") == "true"})
            if not self.options["ignore-shutdown"]:
                threading.Thread(target=self.stop, daemon=True).start()
        else:
            reply(connection, *self.resource(path))

    def resource(self, path: str) -> tuple[int, Any]:
        options = self.options
        now = time.time()
        if path in {"/health/live", "/health"}:
            early = time.monotonic() - self.started < options["live-delay"]
            status = 503 if early else max(options["live-status"], self.health_status)
            return status, {"status": "healthy" if status < 300 else "unhealthy", "timestamp": now}
        if path == "/health/ready":
            healthy = self.ready_status < 300
            return self.ready_status, {"status": "healthy" if healthy else "unhealthy", "timestamp": now, "checks": []}
        if path == "/api/version":
            return 200, {"semanticVersion": "1.2.3", "description": "test backend"}
        if path == "/api/info":
            size = options["body-bytes"]
            body = b"x" * size if size else options["body"].encode() or {"name": "test backend"}
            return options["info-status"], body
        if path == "/api/provider-status":
            provider = {"name": "local", "isAvailable": self.online, "isOnline": self.online}
            return 200, {"isOfflineMode": not self.online, "providers": [provider], "lastUpdated": now}
        if path == "/api/ffmpeg/status":
            return 200, {"installed": False, "valid": False, "error": None}
        return 404, None

    def trouble(self, name: str, query: dict[str, str]) -> Any:
        if name == "ready":
            self.ready_status = 503 if query.get("value") == "false" else 200
        elif name == "health":
            self.health_status = int(query["status"])
        elif name == "provider":
            self.online = query.get("online") != "false"
        elif name == "hang":
            self.hang_until = time.monotonic() + float(query["ms"]) / 1000
        elif name == "say":
            os.write(2 if query.get("stderr") == "true" else 1, query["text"].encode() + b"\n")
        elif name == "children":
            return [spawn_child(query.get("kind", "plain")) for _ in range(int(query.get("count", "1")))]
        return None


def read_body(connection: socket.socket, head: bytes, received: bytes) -> bytes:
    """Skips a request's body, and returns the bytes after it."""
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(received) < length:
        received += connection.recv(65536)
    return received[length:]


def parameters(query: str) -> dict[str, str]:
    if not query:
        return {}
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query))


def dumps(value: Any) -> str:
    """As ``json.dumps``: to import json and typing takes as long as the rest of the start."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dumps(name)}: {dumps(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))


def reply(connection: socket.socket, status: int, body: Any) -> None:
    """Sends the body as JSON, or bytes unchanged; no body for None."""
    plain = isinstance(body, bytes)
    content = b"" if body is None else body if plain else dumps(body).encode()
    kind = "text/plain" if plain else "application/json"
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)


if __name__ == "__main__":
    Backend(parse(sys.argv[1:])).run()
