"""The callers that wait for the backend to be up, or to be down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import SidecarError

T = TypeVar("T")


class Callers(Generic[T]):
    """A group that shares one outcome; a caller that gives up leaves the others waiting."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[T], None] = {}  # in the order of their coming

    def join(self) -> asyncio.Future[T]:
        """A future of the caller's own: cancelling it touches no other caller."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        future.add_done_callback(lambda done: self._waiting.pop(done, None))  # who gives up is not kept
        return future

    def succeed(self, result: T) -> None:
        """Everybody gets the result."""
        for future in self._take():
            future.set_result(result)

    def fail(self, error: Callable[[], SidecarError]) -> None:
        """Everybody gets an error (an own one: each traceback belongs to one caller)."""
        for future in self._take():
            future.set_exception(error())

    def _take(self) -> list[asyncio.Future[T]]:
        waiting, self._waiting = self._waiting, {}
        return [future for future in waiting if not future.done()]
