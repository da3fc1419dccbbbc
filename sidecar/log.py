"""The sidecar's own log: stderr and ``{logs}/sidecar.log``, never stdout.

Any thread may call ``log.info(…)`` from the first moment on: an entry is queued, and threads of the log write it. No caller
waits for a disk or for a stderr that nothing reads; what does not fit into the queue is dropped and counted. loguru is
imported at ``attach`` and in a thread, because its import takes longer than the way to hello.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from os import SEEK_END
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeVar

from msgspec import Struct

from .clock import iso
from .threads import in_thread

if TYPE_CHECKING:
    from loguru import Message

    from .settings.model import Settings

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"info": "\x1b[1m", "warning": "\x1b[33;1m", "error": "\x1b[31;1m"}
EARLY_ENTRIES = 1000
QUEUED_ENTRIES = 10_000
PAUSE_SECONDS = 0.01  # before a thread writes: what an entry reports is done first, and needs the interpreter
ROTATE_BYTES = 10 * 1024 * 1024
ROTATED_FILES = 9  # and the current one: ten
RETRY_SECONDS = 30.0  # a file that failed is tried again after this
DEFECT_SECONDS = 60.0  # a line that raises again and again is logged this often
TRACEBACK_FRAMES = 30  # the innermost ones: a recursion without end has a thousand

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """One entry; ``time`` is seconds since the epoch, taken when it was logged."""

    time: float
    level: str
    message: str
    fields: dict[str, Any]


def _raised_at(error: BaseException) -> tuple[str, int]:
    """The file and line that raised it; an error that was never raised has only its type."""
    frame = error.__traceback__
    if frame is None:
        return type(error).__name__, 0
    while frame.tb_next is not None:
        frame = frame.tb_next
    return frame.tb_frame.f_code.co_filename, frame.tb_lineno


def render(entry: Entry, mask: Callable[[str], str]) -> tuple[str, str]:
    """An entry's head (time, level) and its text, secrets masked; further lines of a message are indented."""
    from .plain import printable

    fields = "".join(
        f"  {name}={value if isinstance(value, int) else mask(str(value))}" for name, value in entry.fields.items()
    )
    text = printable(mask(entry.message) + fields).replace("\n", "\n    ")
    return f"{iso(entry.time)} {entry.level.upper():7}", text


def render_json(entry: Entry, mask: Callable[[str], str]) -> str:
    """An entry as one line of JSON; fields keep their type where JSON has it."""
    from msgspec import json

    from .plain import encodable, escaped_json

    fields = {
        name: value if value is None or isinstance(value, int | float) else encodable(mask(str(value)))
        for name, value in entry.fields.items()
    }
    line = fields | {"time": iso(entry.time), "level": entry.level, "message": encodable(mask(entry.message))}
    return escaped_json(json.encode(line).decode())


class _Pump(Generic[T]):
    """A daemon thread that consumes what is put. Each counter has one writer (two threads that put at once may lose one)."""

    def __init__(self, name: str, consume: Callable[[T], None], limit: int) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._consume = consume
        self._limit = limit
        self._put = 0
        self._done = 0
        self.dropped = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        if self._put - self._done >= self._limit:
            self.dropped += 1
            return
        self._put += 1
        self._queue.put(item)

    def close(self, timeout: float) -> None:
        self._closing.set()
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        idle = True
        while (item := self._queue.get()) is not None:
            if idle:
                self._closing.wait(PAUSE_SECONDS)
            try:
                self._consume(item)
            except Exception as error:  # noqa: BLE001  one entry that cannot be written must not end the log
                _write_stderr(f"the log could not write an entry: {error!r}\n")
            self._done += 1
            idle = self._queue.empty()


class _Sinks:
    """What the writing thread does; only that thread touches it once it is set up.

    loguru keeps the file: rotation, retention, and another process that rotated it. Its queue (``enqueue``) is not used:
    it blocks the caller when its pipe is full, and it cannot drop.
    """

    def __init__(self, folder: str, *, json: bool, mask: Callable[[str], str]) -> None:
        from pathlib import Path

        from loguru import logger

        self._logger = logger
        self._path = Path(folder, "sidecar.log")
        self._json = json
        self._mask = mask
        self._file: int | None = None
        self._retry_at = 0.0
        self._rotate_at = 0.0
        self._warned = False
        self._colour = bool(sys.stderr and sys.stderr.isatty())
        self._stderr: _Pump[str] = _Pump("log-stderr", _write_stderr, QUEUED_ENTRIES)
        logger.remove()

    def write(self, entry: Entry) -> None:
        """Writes an entry to both; a file that fails costs one sentence on stderr and a pause."""
        if self._file is None and time.monotonic() >= self._retry_at:
            self._open()
        head, text = render(entry, self._mask)
        self._stderr.put(f"{_COLOURS[entry.level]}{head}\x1b[0m {text}\n" if self._colour else f"{head} {text}\n")
        line = self._logger.bind(line=render_json(entry, self._mask) if self._json else f"{head} {text}")
        try:
            try:
                line.info("")
            except PermissionError:
                # Windows does not rename a file that another sidecar on this folder has open: on with the old one.
                self._rotate_at = time.monotonic() + RETRY_SECONDS
                line.info("")
        except OSError as error:
            self._fail(error)

    def close(self, timeout: float) -> None:
        self._stderr.close(timeout)

    def _open(self) -> None:
        from .process.platform import files

        try:
            files.make_folder(self._path.parent)
            self._file = self._logger.add(
                self._path,
                format="{extra[line]}",
                level=0,
                rotation=self._is_full,
                retention=ROTATED_FILES,
                watch=True,  # a second sidecar on this folder may have rotated it
                catch=False,
                opener=lambda path, _: files.open_append(path),
            )
            self._warned = False
        except OSError as error:
            self._fail(error)

    def _is_full(self, message: Message, file: TextIO) -> bool:
        file.seek(0, SEEK_END)
        return file.tell() + len(message) > ROTATE_BYTES and time.monotonic() >= self._rotate_at

    def _fail(self, error: OSError) -> None:
        if self._file is not None:
            with suppress(OSError):  # the close flushes and meets the same disk
                self._logger.remove(self._file)
            self._file = None
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if not self._warned:
            self._warned = True
            self._stderr.put(
                f"{self._path} cannot be written ({error.strerror or error}); the sidecar continues without it\n"
            )


def _write_stderr(text: str) -> None:
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
        self._pump: _Pump[Entry] | None = None
        self._sinks: _Sinks | None = None
        self._lowest = 0
        self._mask: Callable[[str], str] = str
        self._defects: dict[tuple[str, int], tuple[float, int]] = {}

    def info(self, message: str, **fields: Any) -> None:
        """The course of things."""
        self._add("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something that a user may want to change."""
        self._add("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something that does not work."""
        self._add("error", message, fields)

    def defect(self, where: str, error: BaseException) -> None:
        """An unexpected error at ``where`` with its traceback, at most once a minute for each line that raises."""
        place, now = _raised_at(error), time.monotonic()
        since, skipped = self._defects.get(place, (-DEFECT_SECONDS, 0))
        if now - since < DEFECT_SECONDS:
            self._defects[place] = since, skipped + 1
            return
        self._defects[place] = now, 0
        try:
            import traceback

            text = "".join(traceback.format_exception(error, limit=-TRACEBACK_FRAMES)).rstrip()
        except Exception:  # noqa: BLE001 - no descriptor is left to import it with, and what follows must happen nevertheless
            text = f"    {type(error).__name__}: {error}"
        self.error(f"defect at {where}\n{text}", **({"skipped": skipped} if skipped else {}))

    def set_mask(self, mask: Callable[[str], str]) -> None:
        """``mask`` takes the secrets out of every text from now on; the log's own thread calls it."""
        self._mask = mask

    async def attach(self, settings: Settings, logs_folder: str) -> None:
        """Imports loguru in a thread, opens the sinks and writes what was logged so far."""
        if self._pump is not None:
            return
        self._sinks = await in_thread("log", lambda: _Sinks(logs_folder, json=settings.log.json, mask=self._masked))
        self._lowest = LEVELS[settings.log.level]
        self._pump = _Pump("log", self._sinks.write, QUEUED_ENTRIES)
        while self._early:
            self._put(self._early.popleft())

    def close(self, timeout: float = 1.0) -> None:
        """Writes what is left, for at most ``timeout`` seconds; all of it to stderr if the log was never attached."""
        if self._pump is None or self._sinks is None:
            text = "".join("{} {}\n".format(*render(entry, self._mask)) for entry in self._early)
            self._early.clear()
            if text:
                pump = _Pump("log-stderr", _write_stderr, 1)  # a thread, because stderr may block
                pump.put(text)
                pump.close(timeout)
            return
        if dropped := self._pump.dropped:
            self.warning(f"{dropped} log entries were dropped: they arrived faster than they could be written")
        deadline = time.monotonic() + timeout
        self._pump.close(timeout)
        self._sinks.close(max(0.0, deadline - time.monotonic()))
        self._pump = self._sinks = None

    def _masked(self, text: str) -> str:
        """By the mask that is set by then."""
        return self._mask(text)

    def _add(self, level: str, message: str, fields: dict[str, Any]) -> None:
        self._put(Entry(time.time(), level, message, fields))

    def _put(self, entry: Entry) -> None:
        if self._pump is None:
            self._early.append(entry)
        elif LEVELS[entry.level] >= self._lowest:
            self._pump.put(entry)


log = Log()
