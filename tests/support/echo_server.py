"""A child without a backend that serves a few handlers over stdin and stdout with the real Server.

``python -m tests.support.echo_server [--max-frame N]``; the exit status gives the kind of end.
The last line of stderr says what ended it; the lines before are reports.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from sidecar.errors import NotRunningError
from sidecar.process.platform.descriptors import guard_stdio
from sidecar.rpc.server import End, Server
from sidecar.wire.observe import LogLine, StartupProgress

STATUS = {"owner_lost": 10, "input_done": 11, "framing": 65, "shutdown": 12}


class Handlers:
    """The handlers: ``backend:logs`` returns so many kilobytes, ``backend:start`` blocks."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.shutdown = asyncio.Event()

    def table(self) -> dict[str, Any]:
        return {
            "sidecar:ping": lambda value=None: value,
            "backend:getUrl": lambda: None,
            "backend:logs": lambda args: b"x" * (args.lines * 1024),
            "backend:start": self._start,
            "backend:waitForReady": self._wait,
            "backend:ping": self._print,
            "backend:ffmpegStatus": self._flood,
            "sidecar:subscribe": lambda names: {"subscribed": self.server.outbox.subscribe(names)},
            "sidecar:shutdown": self._shutdown,
        }

    async def _start(self) -> None:
        await asyncio.Event().wait()

    async def _wait(self, args: Any = None) -> str:
        await asyncio.sleep(args.timeout if args else 0)
        return "waited"

    def _print(self) -> None:
        print("this must not reach the protocol", flush=True)
        os.system("echo nor this")
        raise NotRunningError("no run")

    def _flood(self) -> None:
        for number in range(5000):
            self.server.notify("backend:log", LogLine("t", "stdout", f"{number} {'x' * 100}"))
            self.server.notify("backend:startupProgress", StartupProgress("waiting", number, ""))

    def _shutdown(self) -> bool:
        self.server.refuse_new()
        self.shutdown.set()
        return True


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-frame", type=int, default=16 * 1024 * 1024)
    options = parser.parse_args()
    stdin_fd, stdout_fd = guard_stdio()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(kind: End) -> None:
        if not ended.done():
            ended.set_result(kind)

    def report(text: str) -> None:
        sys.stderr.write(f"report: {text}\n")

    server = Server(stdin_fd, stdout_fd, max_frame=options.max_frame, max_in_flight=256, report=report)
    handlers = Handlers(server)
    server.serve(handlers.table(), end)
    shutdown = asyncio.ensure_future(handlers.shutdown.wait())
    await asyncio.wait({ended, shutdown}, return_when=asyncio.FIRST_COMPLETED)
    kind = ended.result() if ended.done() else "shutdown"
    shutdown.cancel()
    await server.finish()
    sys.stderr.write(f"end: {kind}\n")
    return STATUS[kind]


if __name__ == "__main__":
    status = asyncio.run(main())
    sys.stderr.flush()
    os._exit(status)
