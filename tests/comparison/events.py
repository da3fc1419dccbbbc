"""What a backend's process goes through; each gives a number, a text, or None where it did not happen."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .app import App, until

Ways = Callable[[], App]


def left_after_kill(make: Ways) -> int:
    """How many of the backend's three processes live 5 s after the app was killed."""
    with make() as app:
        _start(app)
        app.kill()
        until(lambda: not app.backend(), 5)
        return len(app.backend())


def left_after_stop(make: Ways) -> int:
    """How many live 2 s after the stop was reported as done."""
    with make() as app:
        _start(app)
        app.request("stop")
        until(lambda: not app.backend(), 2)
        return len(app.backend())


def saved_at_stop(make: Ways) -> str:
    """Whether the work that the server finishes in half a second at SIGTERM was finished when the stop was done."""
    with make() as app:
        _start(app)
        app.request("stop")
        return "yes" if app.saved.exists() else "no"


def back_after_crash(make: Ways) -> float | None:
    """Milliseconds from the crash to the next answer."""
    with make() as app:
        _start(app)
        pid = {found.pid for found in app.backend()}
        app.answers("/crash")
        return until(
            lambda: (
                not pid & {found.pid for found in app.backend() if "setInterval" not in found.command} and app.answers()
            ),
            30,
        )


def back_after_hang(make: Ways) -> float | None:
    """Milliseconds from when the server stops answering to the next answer."""
    with make() as app:
        _start(app)
        app.answers("/hang", timeout=0.1)
        return until(app.answers, 30)


def ready_too_early(make: Ways) -> str:
    """Whether the backend answered when the start was reported as done."""
    with make() as app:
        app.request("start")
        return "yes" if app.answers() else "no"


def taken_for_ready(make: Ways) -> str:
    """What the app gets when another program has the backend's port."""
    with make() as app, _stranger(app.port):
        return "an error that names it" if "failed" in app.request("start") else "“started”"


def first_line_after(make: Ways) -> float | None:
    """Milliseconds from the request to start to the backend's first line of code."""
    with make() as app:
        began = time.time()
        app.request("start")
        until(app.answers, 30)
        return float(app.started.read_text()) - began * 1000


def memory_beside(make: Ways) -> float:
    """MiB."""
    with make() as app:
        _start(app)
        return app.added_memory()


def _start(app: App) -> None:
    app.request("start")
    assert until(app.answers, 30) is not None, "the backend does not answer"


class _Ok(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _stranger(port: int) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _Ok)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


EVENTS: dict[str, Callable[[Ways], float | str | None]] = {
    "processes left (of 3) after the app was killed": left_after_kill,
    "processes left (of 3) after a stop": left_after_stop,
    "work finished before a stop is reported as done": saved_at_stop,
    "answers when a start is reported as done": ready_too_early,
    "after a crash, answers again in ms": back_after_crash,
    "after a hang, answers again in ms": back_after_hang,
    "from the start to the backend's first line, in ms": first_line_after,
    "memory beside app and backend, in MiB": memory_beside,
    "another program has the port: the app gets": taken_for_ready,
}
