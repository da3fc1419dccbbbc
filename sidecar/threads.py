"""Runs blocking work, which may never return, in a thread outside the event loop."""

import _thread
import asyncio
import errno
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def start_thread(work: Callable[[], object]) -> None:
    """Runs ``work`` in a daemon thread. Raises RuntimeError if the system is out of processes or memory."""
    # Does not use threading, which waits until the thread runs: a thread without memory for its first step dies silently, and the
    # caller would wait forever (cpython#140746).
    _thread.start_new_thread(work, ())


def post(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: Any) -> None:
    """Has the loop call it, from another thread; not where the loop is closed, for then the process is about to end."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        pass


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Runs ``work`` in a daemon thread and returns a future of the running loop for its result or exception."""
    # The loop's executor (``asyncio.to_thread``) is not suitable: its threads are joined at exit, so a dead disk, an elevation
    # prompt or a process that does not end would keep the sidecar from exiting.
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T may be None itself

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - raised where the future is awaited
            error = raised
        post(loop, settle, result, error)

    try:
        start_thread(run)
    except RuntimeError as error:  # does not say why
        future.set_exception(OSError(errno.EAGAIN, str(error)))
    return future
