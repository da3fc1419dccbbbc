"""The command: starts and ends the sidecar, the server and the browser page."""

import asyncio
import logging
import socket
import webbrowser
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from ..console.needed import require_command
from ..console.state import backend_state
from ..console.surroundings import run_cancellable
from ..errors import UsageError
from ..process.platform.ports import set_server_options
from ..threads import in_thread
from .access import ADDRESS, Access
from .limits import Limits
from .link import Link
from .server import make_app, page_files

_CLIENTS_FAULTS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


def run(serve_words: Sequence[str], *, port: int, open_browser: bool) -> int:
    """Serves until Ctrl+C; ``port`` 0 is any free one. Returns 0, or the sidecar's exit status. SidecarError: it does not start."""
    require_command("dashboard", serve_words)
    with backend_state(serve_words) as words:
        try:
            return run_cancellable(_serve(words, port, open_browser=open_browser))
        except KeyboardInterrupt:
            return 0


async def _serve(serve_words: Sequence[str], port: int, *, open_browser: bool) -> int:
    link = Link(serve_words)
    # The port comes first: if it is taken, nothing has to be started.
    limits = Limits(_say)
    runner, access, server = await _listen(link, port, limits)
    assert runner.server is not None
    reaper = asyncio.get_running_loop().create_task(limits.keep(runner.server))
    try:
        await link.start()
        keeper = asyncio.get_running_loop().create_task(link.keep())
        _say(f"Dashboard: {access.address}")
        _say("Ctrl+C ends it, the sidecar and the backend.")
        if open_browser:
            _open(access.address)
        # Waits for a request to end. A second one cancels what follows, which kills the sidecar.
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        _say("Stopping the backend.")
        status = await link.close()
        keeper.cancel()
        return status
    finally:
        reaper.cancel()
        server.close()
        await runner.cleanup()


async def _listen(link: Link, port: int, limits: Limits) -> tuple[web.AppRunner, Access, asyncio.Server]:
    """Binds the server to its port, which is known only then."""
    listener = socket.socket()
    try:
        set_server_options(listener)
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        reason = f"Port {port} of {ADDRESS} is not available: {error.strerror or error}"
        raise UsageError(reason, hint="Omit --port to use a free one.") from None
    access = Access(listener.getsockname()[1])
    app = make_app(access, link, page_files(), lambda: _say(f"Opened. For another browser: {access.address}"), limits)
    server_logger.addFilter(_is_our_fault)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(limits.factory(runner.server), sock=listener)
    return runner, access, server


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Filters out errors that a client causes, by bytes that are not HTTP or by vanishing: any program on the machine could fill the terminal with them."""
    return not (record.exc_info and isinstance(record.exc_info[1], _CLIENTS_FAULTS))


def _open(address: str) -> None:
    """Opens a browser in a thread, because a text browser does not return."""

    def report(opened: asyncio.Future[bool]) -> None:
        if opened.exception() is not None or not opened.result():
            _say("No browser could be opened. Open the address yourself.")

    in_thread(lambda: webbrowser.open(address)).add_done_callback(report)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        pass  # the reader is gone; the page stays
