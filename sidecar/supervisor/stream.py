"""The one typed stream out of the supervisor: these types, ``StateChanged``, and Progress, Health, Providers, Exposed, Shutdown."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from ..core.actions import ReportFailure
from .run import Run

N = TypeVar("N")


class OfRun(Struct, frozen=True):
    """Base class of events in the life of a run; ``run``: its snapshot at that time."""

    run: Run


class RunLaunching(OfRun, frozen=True):
    """The run's command and environment are decided; it is about to be executed."""


class RunStarted(OfRun, frozen=True):
    """The run's program was executed."""


class RunEnding(OfRun, frozen=True):
    """The run is about to be stopped."""


class RunEnded(OfRun, frozen=True):
    """The root process of the run exited."""


class RunFailed(OfRun, frozen=True):
    """The run failed; its last output is known, and what comes next is decided."""

    failure: ReportFailure


class HealthAnswered(Struct, frozen=True):
    """The health endpoint answered with 2xx, after ``seconds``."""

    seconds: float


class Output(Struct, frozen=True):
    """Bytes that the run's tree wrote."""

    stream: str
    data: bytes


class Stream:
    """Calls subscribers by the type of what they receive, in the order in which they subscribed."""

    def __init__(self, on_defect: Callable[[str, BaseException], None]) -> None:
        """``on_defect`` receives what a subscriber raised, and where; the other subscribers are still called."""
        self._subscribers: dict[type, list[Callable[[Any], None]]] = {}
        self._on_defect = on_defect
        self.may_hold = True  # cleared by what acts between two runs, because a hold outlasts the next launch
        self._held: deque[object] | None = None
        self._holds = 0

    def subscribe(self, kind: type[N], subscriber: Callable[[N], None]) -> None:
        """Calls ``subscriber`` with everything of that type, on the event loop's thread."""
        self._subscribers.setdefault(kind, []).append(subscriber)

    def hold(self) -> None:
        """Holds back what is published until a task created now has taken its first step, in the next turn of the loop."""
        if not self.may_hold:
            return
        if self._held is None:
            self._held = deque()
        self._holds += 1
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._release)

    def _release(self) -> None:
        """After the last hold, delivers what was held and what is published meanwhile, in order."""
        self._holds -= 1
        if self._holds:
            return
        while self._held:
            self._deliver(self._held.popleft())
        self._held = None

    def publish(self, notice: object) -> None:
        if self._held is not None:
            self._held.append(notice)
        else:
            self._deliver(notice)

    def _deliver(self, notice: object) -> None:
        for subscriber in self._subscribers.get(type(notice), ()):
            try:
                subscriber(notice)
            except Exception as error:  # noqa: BLE001 - one subscriber that fails must not silence the others
                self._on_defect(f"a subscriber to {type(notice).__name__}", error)
