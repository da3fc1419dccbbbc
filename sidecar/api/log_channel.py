"""The backend's output for clients: backend:logs, and backend:log for subscribers."""

import asyncio

from ..observe.logs import BackendLog
from ..rpc.server import Server
from ..supervisor import Supervisor
from ..supervisor.stream import Output, RunLaunching
from ..wire.channels import LogsArgs
from ..wire.observe import LogLine

_EVENT = "backend:log"


class LogChannel:
    """Passes output from the stream to the log, and lines from the log to clients."""

    def __init__(self, server: Server, supervisor: Supervisor, output: BackendLog) -> None:
        self._server = server
        self._output = output
        self._turn = asyncio.Lock()
        output.on_skipped = lambda count: server.outbox.skip(_EVENT, count)
        supervisor.stream.subscribe(RunLaunching, lambda notice: output.begin_run(notice.run.number))
        supervisor.stream.subscribe(Output, lambda notice: output.write(notice.stream, notice.data))

    async def read(self, args: LogsArgs | None = None) -> list[LogLine]:
        """Answers backend:logs, one request at a time: a page may send a hundred at once, and each may take 30 MB and half a second."""
        args = args or LogsArgs()
        async with self._turn:
            await self._server.has_room()
            return await self._output.read_lines(args.lines, args.stream)

    def subscriptions_changed(self) -> None:
        """Splits output into lines only while a client wants them."""
        self._output.subscribe(self._send if self._server.outbox.wanted(_EVENT) else None)

    def _send(self, line: LogLine) -> None:
        self._server.notify(_EVENT, line)
