"""Work that a disk may hold up, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Runs ``work`` in a daemon thread of its own.

    Not in asyncio's executor: a thread of that one which hangs on a dead disk keeps the interpreter from ending.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def succeed(value: T) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def fail(error: BaseException) -> None:
        if not outcome.done():
            outcome.set_exception(error)

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001  it is raised where it is awaited
            tell, result = fail, error
        else:
            tell, result = succeed, value  # type: ignore[assignment]  # each goes with its own result
        try:
            loop.call_soon_threadsafe(tell, result)
        except RuntimeError:
            pass  # the loop was closed; nobody waits

    threading.Thread(target=run, name="observe", daemon=True).start()
    return await outcome
