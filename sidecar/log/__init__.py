"""The sidecar's own log: stderr and ``{logs}/sidecar.log``, never stdout.

Any thread may call ``log.info(…)`` at any time: an entry is queued, and the log's own threads write it. No caller waits for a
disk or for a stderr that nothing reads; entries that do not fit into the queue are dropped and counted. ``attach`` imports
loguru in a thread, because the import takes longer than everything before hello.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from ..clock import iso
from ..threads import in_thread, start_thread

if TYPE_CHECKING:
    from ..settings.model import Settings
    from .sinks import Sinks

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40}
EARLY_ENTRIES = 1000
QUEUED_ENTRIES = 10_000
PAUSE_SECONDS = 0.01  # before a thread writes: the work that an entry reports needs the interpreter first
DEFECT_SECONDS = 60.0  # a line that keeps raising is logged at most this often
TRACEBACK_FRAMES = 30  # the innermost ones: an endless recursion has a thousand

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """One entry; ``time`` is seconds since the epoch, taken when it was logged."""

    time: float
    level: str
    message: str
    fields: dict[str, Any]


def _raised_at(error: BaseException) -> tuple[str, int]:
    """The file and line that raised the error; its type and 0 if it was never raised."""
    frame = error.__traceback__
    if frame is None:
        return type(error).__name__, 0
    while frame.tb_next is not None:
        frame = frame.tb_next
    return frame.tb_frame.f_code.co_filename, frame.tb_lineno


def render(entry: Entry, mask: Callable[[str], str]) -> tuple[str, str]:
    """An entry's head (time, level) and its text, secrets masked; further lines of a message are indented."""
    from ..plain import printable

    fields = "".join(
        f"  {name}={value if isinstance(value, int) else mask(str(value))}" for name, value in entry.fields.items()
    )
    text = printable(mask(entry.message) + fields).replace("\n", "\n    ")
    return f"{iso(entry.time)} {entry.level.upper():7}", text


class Pump(Generic[T]):
    """A daemon thread that consumes what is put. Each counter has one writer (if two threads put at once, one count may be lost)."""

    def __init__(self, consume: Callable[[T], None], limit: int) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._consume = consume
        self._limit = limit
        self._put = 0
        self._done = 0
        self.dropped = 0
        self._closing = threading.Event()
        self._ended = threading.Event()
        start_thread(self._run)

    def put(self, item: T) -> None:
        """Never waits; beyond the limit the item is dropped."""
        if self._put - self._done >= self._limit:
            self.dropped += 1
            return
        self._put += 1
        self._queue.put(item)

    def close(self, timeout: float) -> None:
        """Consumes what is left, for at most ``timeout`` seconds."""
        self._closing.set()
        self._queue.put(None)
        self._ended.wait(timeout)

    def _run(self) -> None:
        idle = True
        while (item := self._queue.get()) is not None:
            if idle:
                self._closing.wait(PAUSE_SECONDS)
            try:
                self._consume(item)
            except Exception as error:  # noqa: BLE001  one entry that cannot be written must not end the log
                write_stderr(f"the log could not write an entry: {error!r}\n")
            self._done += 1
            idle = self._queue.empty()
        self._ended.set()


def write_stderr(text: str) -> None:
    """Writes to stderr; ignores errors."""
    if sys.stderr is None:  # pythonw and windowed programs have none
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nothing reads it any more


class Log:
    """The log; there is one, ``log``."""

    def __init__(self) -> None:
        self._early: deque[Entry] = deque(maxlen=EARLY_ENTRIES)
        self._pump: Pump[Entry] | None = None
        self._sinks: Sinks | None = None
        self._lowest = 0
        self._mask: Callable[[str], str] = str
        self._defects: dict[tuple[str, int], tuple[float, int]] = {}

    def info(self, message: str, **fields: Any) -> None:
        """Logs normal progress."""
        self._put(Entry(time.time(), "info", message, fields))

    def warning(self, message: str, **fields: Any) -> None:
        """Logs something that a user may want to change."""
        self._put(Entry(time.time(), "warning", message, fields))

    def error(self, message: str, **fields: Any) -> None:
        """Logs something that does not work."""
        self._put(Entry(time.time(), "error", message, fields))

    def defect(self, where: str, error: BaseException) -> None:
        """Logs an unexpected error at ``where`` with its traceback, at most once a minute for each line that raises."""
        place, now = _raised_at(error), time.monotonic()
        since, skipped = self._defects.get(place, (-DEFECT_SECONDS, 0))
        if now - since < DEFECT_SECONDS:
            self._defects[place] = since, skipped + 1
            return
        self._defects[place] = now, 0
        try:
            import traceback

            text = "".join(traceback.format_exception(error, limit=-TRACEBACK_FRAMES)).rstrip()
        except Exception:  # noqa: BLE001 - the import fails if no descriptor is left, and what follows must still happen
            text = f"    {type(error).__name__}: {error}"
        self.error(f"defect at {where}\n{text}", **({"skipped": skipped} if skipped else {}))

    def set_mask(self, mask: Callable[[str], str]) -> None:
        """Masks every text with ``mask`` from now on; the log's own thread calls it."""
        self._mask = mask

    async def attach(self, settings: Settings, logs_folder: str) -> None:
        """Imports loguru in a thread, opens the sinks and writes what was logged so far."""
        if self._pump is not None:
            return
        self._sinks = await in_thread(lambda: self._open(settings, logs_folder))
        self._lowest = LEVELS[settings.log.level]
        self._pump = Pump(self._sinks.write, QUEUED_ENTRIES)
        while self._early:
            self._put(self._early.popleft())

    def close(self, timeout: float = 1.0) -> None:
        """Writes what is left, for at most ``timeout`` seconds; all of it to stderr if the log was never attached."""
        if self._pump is None or self._sinks is None:
            text = "".join("{} {}\n".format(*render(entry, self._mask)) for entry in self._early)
            self._early.clear()
            if text:
                pump = Pump(write_stderr, 1)  # a thread, because stderr may block
                pump.put(text)
                pump.close(timeout)
            return
        if dropped := self._pump.dropped:
            self.warning(f"{dropped} log entries were dropped: they arrived faster than they could be written")
        deadline = time.monotonic() + timeout
        self._pump.close(timeout)
        self._sinks.close(max(0.0, deadline - time.monotonic()))
        self._pump = self._sinks = None

    def _open(self, settings: Settings, logs_folder: str) -> Sinks:
        from .sinks import Sinks

        return Sinks(logs_folder, json=settings.log.json, mask=self._mask)

    def _put(self, entry: Entry) -> None:
        if self._pump is None:
            self._early.append(entry)
        elif LEVELS[entry.level] >= self._lowest:
            self._pump.put(entry)


log = Log()
