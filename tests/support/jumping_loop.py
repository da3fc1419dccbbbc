"""An event loop whose clock jumps: when nothing is ready, its time becomes the next deadline's, without waiting.

For in-memory tests only: the loop would starve a real descriptor or thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Turns the loop's wait for the next deadline into a jump of its clock."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("the story waits for something that never comes")
        if timeout > 0:
            self.jump(timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time starts at 1000 and advances only by jumps."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.jump = self._jump
        super().__init__(selector)
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


def run_story(story: Coroutine[Any, Any, T]) -> T:
    """Runs a story to its end."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(story)
