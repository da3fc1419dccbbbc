"""Runs blocking work in a thread that may never return, beside the event loop."""

from __future__ import annotations

import _thread
import asyncio
import errno
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def start_thread(work: Callable[[], object]) -> None:
    """Runs ``work`` in a daemon thread. RuntimeError: the system has no process or memory left.

    Not by threading, which waits until the thread runs: one that finds no memory for its first step dies without a word, and its
    starter would wait for ever (cpython#140746).
    """
    _thread.start_new_thread(work, ())


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Runs ``work`` in a daemon thread; its result or exception is a future of the running loop.

    The loop's executor (``asyncio.to_thread``) would not do: its threads are joined at exit, and a dead disk, an elevation
    prompt or a process that does not end would keep the sidecar from ending.
    """
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
        except BaseException as raised:  # noqa: BLE001 - it is raised where the future is awaited
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed
            pass

    try:
        start_thread(run)
    except RuntimeError as error:  # which does not say why
        future.set_exception(OSError(errno.EAGAIN, str(error)))
    return future
