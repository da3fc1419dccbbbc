"""Writes the log to stderr and the file, in one thread. Imported with loguru when the log is attached."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from loguru import logger
from msgspec import json as codec

from ..clock import iso
from ..plain import encodable, escaped_json
from ..process.platform import files
from . import QUEUED_ENTRIES, Entry, Pump, render, write_stderr

_COLOURS = {"info": "\x1b[1m", "warning": "\x1b[33;1m", "error": "\x1b[31;1m"}
ROTATE_BYTES = 10 * 1024 * 1024
ROTATED_FILES = 9  # ten with the current one
_ROTATED = "sidecar.????-??-??_??-??-??_??????.log"
RETRY_SECONDS = 30.0  # a file that failed is tried again after this


def render_json(entry: Entry, mask: Callable[[str], str]) -> str:
    """An entry as one line of JSON; fields keep their type if JSON has it."""
    fields = {
        name: value if value is None or isinstance(value, int | float) else encodable(mask(str(value)))
        for name, value in entry.fields.items()
    }
    line = fields | {"time": iso(entry.time), "level": entry.level, "message": encodable(mask(entry.message))}
    return escaped_json(codec.encode(line).decode())


def _name_now() -> str:
    moment = time.time()
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime(moment))
    return f"sidecar.{stamp}_{int(moment % 1 * 1e6):06}.log"


class Sinks:
    """The sinks of the writing thread; only that thread uses them once they are set up.

    loguru writes the file, and reopens it if another process rotated it. It does not create or rename files, because it would
    follow a link that a sandboxed backend put there. Its queue (``enqueue``) is not used: it blocks the caller when its pipe is full, and it cannot drop.
    """

    def __init__(self, folder: str, *, json: bool, mask: Callable[[str], str]) -> None:
        self._path = Path(folder, "sidecar.log")
        self._json = json
        self._mask = mask
        self._file: int | None = None
        self._lost = 0  # entries that the file lacks
        self._retry_at = 0.0
        self._rotate_at = 0.0
        self._warned = False
        self._colour = bool(sys.stderr and sys.stderr.isatty())
        self._stderr: Pump[str] = Pump(write_stderr, QUEUED_ENTRIES)
        logger.remove()

    def write(self, entry: Entry) -> None:
        """Writes an entry to both. If the file fails, stderr gets one sentence; a later retry notes in the file how many entries it lacks."""
        head, text = render(entry, self._mask)
        self._stderr.put(f"{_COLOURS[entry.level]}{head}\x1b[0m {text}\n" if self._colour else f"{head} {text}\n")
        try:
            if self._file is None and time.monotonic() < self._retry_at:
                self._lost += 1
                return
            files.make_folder(self._path.parent)  # also if it was removed
            if self._is_full():
                self._rotate()
            if self._file is None:
                self._open()
            logger.bind(line=render_json(entry, self._mask) if self._json else f"{head} {text}").info("")
        except OSError as error:
            self._lost += 1
            self._fail(error)

    def close(self, timeout: float) -> None:
        """Writes to stderr what is left, for at most ``timeout`` seconds."""
        self._stderr.close(timeout)

    def _open(self) -> None:
        self._file = logger.add(
            self._path,
            format="{extra[line]}",
            level=0,
            watch=True,  # a second sidecar on this folder may have rotated it
            catch=False,
            opener=lambda path, _: files.open_append(path),
        )
        if self._lost:
            torn = files.read_file(self._path, 1, last=True) not in {b"", b"\n"}  # the disk got only part of a line
            gap = Entry(time.time(), "warning", f"entries that were not written here: {self._lost}", {})
            line = render_json(gap, str) if self._json else " ".join(render(gap, str))
            logger.bind(line="\n" * torn + line).info("")
        self._lost = 0
        self._warned = False

    def _is_full(self) -> bool:
        try:
            return os.lstat(self._path).st_size > ROTATE_BYTES and time.monotonic() >= self._rotate_at
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        self._close_file()
        try:
            files.move_file(self._path, self._path.with_name(_name_now()))
        except PermissionError:  # Windows does not rename a file that another sidecar has open
            self._rotate_at = time.monotonic() + RETRY_SECONDS
            return
        rotated, now = [*self._path.parent.glob(_ROTATED)], _name_now()
        # A name from the future was given before the clock was set back.
        for old in sorted(rotated, key=lambda path: (path.name <= now, path.name))[:-ROTATED_FILES]:
            with suppress(OSError):  # a program reads it; the next rotation tries again
                files.remove_file(old)

    def _close_file(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # closing flushes, to the same disk
                logger.remove(self._file)
            self._file = None

    def _fail(self, error: OSError) -> None:
        self._close_file()
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if not self._warned:
            self._warned = True
            self._stderr.put(
                f"{self._path} cannot be written ({error.strerror or error}); the sidecar continues without it\n"
            )
