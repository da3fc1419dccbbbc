"""The backend of ``sidecar demo``: a small web server on 127.0.0.1, and a button that crashes it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from aiohttp import web

from ..process.platform.signals import TERMINATION

LIVE_PATH = "/health"
STOP_PATH = "/demo/stop"
CRASH_PATH = "/demo/crash"
CRASH_STATUS = 134  # what a shell shows for SIGABRT, the way in which a .NET server crashes

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Demo backend</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}
button{font:inherit;padding:.5rem 1rem}</style>
<h1>Demo backend</h1>
<p>Process <b>PID</b> serves this page under a sidecar.</p>
<button onclick="fetch('CRASH',{method:'POST'}).finally(()=>setTimeout(()=>location.reload(),2000))">Crash it</button>
<p>The sidecar starts it again; two seconds later this page shows another process.</p>
</html>"""


def make_app(stop: asyncio.Event) -> web.Application:
    """The server; ``stop`` is set when the shutdown endpoint is called."""
    loop = asyncio.get_running_loop()

    async def page(_: web.Request) -> web.Response:
        text = _PAGE.replace("PID", str(os.getpid())).replace("CRASH", CRASH_PATH)
        return web.Response(text=text, content_type="text/html")

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "pid": os.getpid()})

    async def shutdown(_: web.Request) -> web.Response:
        loop.call_later(0.05, stop.set)  # the answer goes first
        return web.json_response({"message": "Shutdown initiated", "force": False}, status=202)

    async def crash(_: web.Request) -> web.Response:
        loop.call_later(0.05, _die)
        return web.json_response({"message": "Goodbye"}, status=202)

    app = web.Application()
    app.add_routes(
        [web.get("/", page), web.get(LIVE_PATH, live), web.post(STOP_PATH, shutdown), web.post(CRASH_PATH, crash)]
    )
    return app


def _die() -> None:
    sys.stderr.write("Unhandled exception. The crash button was pressed.\n")
    sys.stderr.flush()
    os._exit(CRASH_STATUS)


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    runner = web.AppRunner(make_app(stop), access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=1.0).start()
    print(f"Now listening on: http://127.0.0.1:{port}", flush=True)
    for number in TERMINATION:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def main(argv: Sequence[str]) -> int:
    """Serves until asked to stop; ``argv`` is ``["--port", "PORT"]``."""
    if len(argv) != 2 or argv[0] != "--port" or not argv[1].isdigit():
        sys.stderr.write("Usage: python -m sidecar.console.demo_backend --port PORT\n")
        return 64
    try:
        asyncio.run(_serve(int(argv[1])))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
