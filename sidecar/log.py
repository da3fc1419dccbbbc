"""The sidecar's own log: stderr and ``{logs}/sidecar.log``, never stdout.

Anything may call ``log.info(…)`` from the first moment on and from any thread: an entry is queued, and threads of the log
write it. Nobody waits for a disk or for a stderr that nobody reads; what does not fit into the queue is dropped and
counted. loguru is imported by the writing thread at ``attach``, because its import takes longer than the way to hello.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from os import SEEK_END
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from loguru import Message, Record

    from .settings.model import Settings

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40}  # loguru's own numbers
EARLY_ENTRIES = 1000
QUEUED_ENTRIES = 10_000
ROTATE_BYTES = 10 * 1024 * 1024
ROTATED_FILES = 9  # and the current one: ten
RETRY_SECONDS = 30.0  # a file that failed is tried again after this

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """One thing worth telling; ``time`` is seconds since the epoch, taken when it was told."""

    time: float
    level: str
    message: str
    fields: dict[str, Any]


def _unmasked(text: str) -> str:
    return text


def render(entry: Entry, mask: Callable[[str], str]) -> tuple[str, str]:
    """An entry's head (time, level) and its text, secrets masked; further lines of a message are indented."""
    fields = "".join(f"  {name}={mask(str(value))}" for name, value in entry.fields.items())
    text = (mask(entry.message) + fields).replace("\n", "\n    ")
    return f"{_iso(entry.time)} {entry.level.upper():7}", text


def render_json(entry: Entry, mask: Callable[[str], str]) -> str:
    """An entry as one line of JSON; fields keep their type where JSON has it."""
    from msgspec import json

    known = {
        name: mask(value)
        if isinstance(value, str)
        else value
        if value is None or isinstance(value, int | float)
        else mask(str(value))
        for name, value in entry.fields.items()
    }
    line = known | {"time": _iso(entry.time), "level": entry.level, "message": mask(entry.message)}
    return json.encode(line).decode()


def _iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Pump(Generic[T]):
    """A daemon thread that consumes what is put. Each of the two counters has one writer, so no lock is needed.

    (Two threads that put at once may lose a count; the bound is then off by one entry, and nothing else.)
    """

    def __init__(self, name: str, consume: Callable[[T], None], limit: int) -> None:
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._consume = consume
        self._limit = limit
        self._put = 0
        self._done = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        if self._put - self._done >= self._limit:
            self.dropped += 1
            return
        self._put += 1
        self._queue.put(item)

    def close(self, timeout: float) -> None:
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._consume(item)
            except Exception as error:  # noqa: BLE001  one entry that cannot be told must not end the log
                _write_stderr(f"the log could not tell an entry: {error!r}\n")
            self._done += 1


class _Sinks:
    """What the writing thread does; only that thread touches it once it is set up."""

    def __init__(self, folder: Path, level: str, *, json: bool, mask: Callable[[], Callable[[str], str]]) -> None:
        from loguru import logger

        self._logger = logger
        self._path = folder / "sidecar.log"
        self._level = LEVELS[level]
        self._json = json
        self._mask = mask
        self._file: int | None = None
        self._retry_at = 0.0
        self._rotate_at = 0.0
        self._told = False
        self._stderr: _Pump[str] = _Pump("log-stderr", _write_stderr, QUEUED_ENTRIES)
        logger.remove()
        colour = bool(sys.stderr and sys.stderr.isatty())
        logger.add(self._to_stderr, format=_text_format, filter=_is_new, level=0, colorize=colour, catch=False)

    def write(self, entry: Entry) -> None:
        """Hands an entry to loguru; a file that fails costs one sentence on stderr and a pause."""
        if LEVELS[entry.level] < self._level:
            return
        if self._file is None and time.monotonic() >= self._retry_at:
            self._open()
        mask = self._mask()
        head, text = render(entry, mask)
        whole = render_json(entry, mask) if self._json else f"{head} {text}"
        told = self._logger.bind(head=head, text=text, whole=whole)
        try:
            try:
                told.log(entry.level.upper(), "")
            except PermissionError:
                # Windows does not rename a file that another sidecar on this folder has open: on with the old one.
                self._rotate_at = time.monotonic() + RETRY_SECONDS
                told.bind(again=True).log(entry.level.upper(), "")
        except OSError as error:
            self._fail(error)

    def close(self, timeout: float) -> None:
        self._stderr.close(timeout)

    def _open(self) -> None:
        try:
            self._file = self._logger.add(
                self._path,
                format=_file_format,
                level=0,
                rotation=self._is_full,
                retention=ROTATED_FILES,
                encoding="utf-8",
                watch=True,  # a second sidecar on this folder may have rotated it
                catch=False,
            )
            self._told = False
        except OSError as error:
            self._fail(error)

    def _is_full(self, message: Message, file: TextIO) -> bool:
        file.seek(0, SEEK_END)
        return file.tell() + len(message) > ROTATE_BYTES and time.monotonic() >= self._rotate_at

    def _fail(self, error: OSError) -> None:
        if self._file is not None:
            try:
                self._logger.remove(self._file)
            except OSError:
                pass  # the close flushes and meets the same disk
            self._file = None
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if not self._told:
            self._told = True
            self._stderr.put(
                f"{self._path} cannot be written ({error.strerror or error}); the sidecar goes on without\n"
            )

    def _to_stderr(self, message: Message) -> None:
        self._stderr.put(str(message))


def _is_new(record: Record) -> bool:
    return "again" not in record["extra"]


def _text_format(record: Record) -> str:  # noqa: ARG001  loguru calls it with the record
    return "<level>{extra[head]}</level> {extra[text]}\n"


def _file_format(record: Record) -> str:  # noqa: ARG001  as above
    return "{extra[whole]}\n"


def _write_stderr(text: str) -> None:
    if sys.stderr is None:  # pythonw and windowed programs have none
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody is left to read it


class Log:
    """The log; there is one, ``log``."""

    def __init__(self) -> None:
        self._early: deque[Entry] = deque(maxlen=EARLY_ENTRIES)
        self._pump: _Pump[Entry] | None = None
        self._sinks: _Sinks | None = None
        self._lowest = 0
        self._mask: Callable[[str], str] = _unmasked

    def debug(self, message: str, **fields: Any) -> None:
        """For those who develop the sidecar."""
        self._tell("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """The course of things."""
        self._tell("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something that a user may want to change."""
        self._tell("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something that does not work."""
        self._tell("error", message, fields)

    def set_mask(self, mask: Callable[[str], str]) -> None:
        """``mask`` takes the secrets out of every text from now on; the log's own thread calls it."""
        self._mask = mask

    async def attach(self, settings: Settings, logs_folder: str | Path) -> None:
        """Imports loguru in a thread, opens the sinks and writes what was told so far.

        The level is the one of the settings, but for the mode ``development``, where "info" becomes "debug".
        """
        if self._pump is not None:
            return
        level = settings.log.level
        if settings.app.mode == "development" and level == "info":
            level = "debug"

        def sinks() -> _Sinks:
            return _Sinks(Path(logs_folder), level, json=settings.log.json, mask=lambda: self._mask)

        opened = await asyncio.get_running_loop().run_in_executor(None, sinks)
        self._lowest = LEVELS[level]
        self._sinks = opened
        self._pump = _Pump("log", opened.write, QUEUED_ENTRIES)
        while self._early:
            self._pump.put(self._early.popleft())

    def close(self, timeout: float = 1.0) -> None:
        """Writes what is left, for at most ``timeout`` seconds. A log that was never attached tells it all on stderr."""
        if self._pump is None or self._sinks is None:
            text = "".join(
                "{} {}\n".format(*render(entry, self._mask)) for entry in self._early if entry.level != "debug"
            )
            self._early.clear()
            if text:
                pump = _Pump("log-stderr", _write_stderr, 1)  # a thread, because nobody may be reading
                pump.put(text)
                pump.close(timeout)
            return
        if self._pump.dropped:
            self.warning(
                f"{self._pump.dropped} entries of this log were dropped: they came faster than they could be written"
            )
        deadline = time.monotonic() + timeout
        self._pump.close(timeout)
        self._sinks.close(max(0.0, deadline - time.monotonic()))
        self._pump = self._sinks = None

    def _tell(self, level: str, message: str, fields: dict[str, Any]) -> None:
        entry = Entry(time.time(), level, message, fields)
        if self._pump is None:
            self._early.append(entry)
        elif LEVELS[level] >= self._lowest:
            self._pump.put(entry)


log = Log()
