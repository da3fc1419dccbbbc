"""Callers that wait until the backend is up, or down."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import SidecarError

T = TypeVar("T")


class Callers(Generic[T]):
    """A group with one outcome; when one caller gives up, the others still wait."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[T], None] = {}  # in order of arrival

    def join(self) -> asyncio.Future[T]:
        """Returns a future for one caller; cancelling it does not affect the others."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        future.add_done_callback(lambda done: self._waiting.pop(done, None))  # forget a caller that gave up
        return future

    def succeed(self, result: T) -> None:
        for future in self._take():
            future.set_result(result)

    def fail(self, error: Callable[[], SidecarError]) -> None:
        """Gives every caller a separate error, because each traceback belongs to one caller."""
        for future in self._take():
            future.set_exception(error())

    def _take(self) -> list[asyncio.Future[T]]:
        waiting, self._waiting = self._waiting, {}
        return [future for future in waiting if not future.done()]
