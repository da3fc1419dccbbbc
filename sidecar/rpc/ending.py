"""The end of the sidecar: who may ask for it, how long it may take, and what it exits with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .. import errors
from ..log import log
from ..process.platform.signals import on_termination
from ..supervisor import Supervisor
from .server import End, Server

_CLIENT_LOOK = 0.1  # seconds between two looks whether the client is still there


class Ending:
    """One per sidecar.

    Attributes:
        reached: done when everything is down, or would not go down.
        exit_status: what the process is to exit with.
    """

    def __init__(self) -> None:
        self.exit_status = 0
        self._loop = asyncio.get_running_loop()
        self.reached: asyncio.Future[None] = self._loop.create_future()
        self._asked: asyncio.Future[None] | None = None
        self._server: Server | None = None
        self._supervisor: Supervisor | None = None

    def attach(self, server: Server, supervisor: Supervisor, *, interrupted: bool) -> None:
        """From now on there is something to bring down; the system's signals to end are heeded.

        Args:
            server: refuses what comes from then on.
            supervisor: brings the backend down.
            interrupted: one came already.
        """
        self._server = server
        self._supervisor = supervisor
        on_termination(self._loop, self._shut_down)
        if interrupted:
            self._loop.call_soon(self._shut_down)

    def asked(self) -> asyncio.Future[None]:
        """sidecar:shutdown. The future fails where something of the backend would not die."""
        if self._asked is None:
            self._asked = self._loop.create_future()
        self._shut_down()
        return self._asked

    def client_ended(self, end: End) -> None:
        """The client closed its side, or the stream broke."""
        log.info(f"the client's end of the connection: {end}")
        server = self._server
        if end == "framing":
            self.exit_status = errors.FrameError.exit_status
            assert server is not None
            # Nothing is read any more, so the end of stdin has to be looked for.
            self._watch_for(lambda: server.client_gone or server.stdin_ended)
        if end == "owner_lost" and self._asked is not None and server and not server.client_gone:
            # A client that asked for the end and closed its stdin may still await the answer; if it dies, nobody does.
            self._watch_for(lambda: server.client_gone)
            return
        self._shut_down(owner_lost=end == "owner_lost")

    def finished(self, clean: bool) -> None:
        """The supervisor has nothing left, or gives up on what is left."""
        if self.reached.done() or self._supervisor is None:
            return
        if not clean:
            self.exit_status = errors.StopFailedError.exit_status
        if self._asked is not None and not self._asked.done():
            if clean:
                self._asked.set_result(None)
            else:
                self._asked.set_exception(self._supervisor.stop_error())
        # Two turns of the loop, so that the answer to sidecar:shutdown is written before the rest is refused.
        self._loop.call_soon(self._loop.call_soon, self._reach)

    def _reach(self) -> None:
        if not self.reached.done():
            self.reached.set_result(None)

    def _shut_down(self, *, owner_lost: bool = False) -> None:
        if self._server is None or self._supervisor is None:
            self._reach()
            return
        self._server.refuse_new()
        self._supervisor.shutdown(owner_lost=owner_lost)

    def _watch_for(self, owner_gone: Callable[[], bool]) -> None:
        """Looks again and again, until the end is reached or nobody is left to wait for it."""
        if owner_gone():
            self._shut_down(owner_lost=True)
        elif not self.reached.done():
            self._loop.call_later(_CLIENT_LOOK, self._watch_for, owner_gone)
