"""The end of the sidecar: what may request it, and the exit status."""

import asyncio
from collections.abc import Callable

from .. import errors
from ..core import events as e
from ..log import log
from ..process.platform.signals import on_termination
from ..rpc.server import End, Server
from ..supervisor import Supervisor
from ..wire.messages import Success

_CLIENT_INTERVAL = 0.1  # seconds between checks whether the client is still there


class Ending:
    """One per sidecar; ``exit_status`` is the process's."""

    def __init__(self, server: Server, supervisor: Supervisor, *, interrupted: bool) -> None:
        """Installs the handlers of the termination signals; ``interrupted``: one has come already."""
        self.exit_status = 0
        self._server = server
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()
        self._request: asyncio.Future[Success] | None = None
        on_termination(self._loop, self._shut_down)
        if interrupted:
            self._loop.call_soon(self._shut_down)

    def request(self) -> asyncio.Future[Success]:
        """Answers sidecar:shutdown. The future fails if part of the backend survives."""
        if self._request is None:
            self._request = self._loop.create_future()
        self._shut_down()
        return self._request

    def client_ended(self, end: End) -> None:
        """Handles the end of the connection: the client closed its side, or the stream broke."""
        log.info(f"the client closed the connection: {end}")
        server = self._server
        if end == "framing":
            self.exit_status = errors.FrameError.exit_status
            # Nothing is read any more, so the end of stdin has to be polled for.
            self._watch_for(lambda: server.client_gone or server.stdin_ended)
        if end == "owner_lost" and self._request is not None and not server.client_gone:
            # A client that requested the shutdown and closed stdin may still await the answer, unless it dies.
            self._watch_for(lambda: server.client_gone)
            return
        self._shut_down(owner_lost=end == "owner_lost")

    async def reached(self) -> None:
        """Waits until the supervisor has stopped everything or given up on the rest; answers the request."""
        clean = await self._supervisor.finished
        if not clean:
            self.exit_status = errors.StopFailedError.exit_status
        if self._request is None or self._request.done():
            return
        if clean:
            self._request.set_result(Success(success=True))
        else:
            self._request.set_exception(self._supervisor.stop_error())

    def _shut_down(self, *, owner_lost: bool = False) -> None:
        self._server.refuse_new()
        self._supervisor.post(e.Shutdown(owner_lost))

    def _watch_for(self, owner_gone: Callable[[], bool]) -> None:
        if owner_gone():
            self._shut_down(owner_lost=True)
        elif not self._supervisor.finished.done():
            self._loop.call_later(_CLIENT_INTERVAL, self._watch_for, owner_gone)
