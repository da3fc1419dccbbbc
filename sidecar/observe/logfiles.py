"""The backend's output on disk: raw bytes in ``backend-NNNNNN.log``, each with an index of times.

An index, because a prefix would tear multi-byte characters and escape sequences apart. A line of it is
``offset length time stream``, or ``offset 0 time run-N`` where a run begins.

A thread writes from a bounded queue: the backend never waits for a disk. What does not fit, or what a full or read-only
disk refuses, is dropped and counted, and the file says so where it happened.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from itertools import groupby
from queue import Empty, SimpleQueue

from msgspec import Struct, structs

from ..clock import iso
from ..process.platform.descriptors import write_all
from ..process.platform.files import make_folder, open_append, remove_file

CHUNK_COST = 200  # bytes of bookkeeping for each chunk, so that a backend that writes byte by byte is bounded too
BATCH_BYTES = 1024 * 1024
LOOK_SECONDS = 0.5  # between two looks whether the files are still in their place

_MAX_NUMBER = 999_000_000  # of a file of ours; behind a higher one, which only the backend can have made, no file would be removed


class Chunk(Struct, frozen=True):
    """What came at once of one stream (``stdout``, ``stderr``), or a remark of ours (``run-N``, ``dropped``)."""

    time: float  # seconds since the epoch
    stream: str
    data: bytes
    run: int = 0


def join_chunks(chunks: list[Chunk]) -> Iterator[Chunk]:
    """Neighbours of one stream as one, with the time of the first: fewer writes, shorter index."""
    for _, together in groupby(chunks, key=lambda chunk: chunk.stream):
        first, *more = together
        data = b"".join([first.data, *(chunk.data for chunk in more)])
        yield structs.replace(first, data=data) if more else first


class LogFiles:
    """Writes chunks to rotated files in ``folder``, which may be replaced before the first ``put``."""

    max_bytes = 10 * 1024 * 1024  # of a file
    keep = 10  # files; the newest ones
    queue_bytes = 8 * 1024 * 1024  # that wait for the disk at most
    retry = 10.0  # seconds until a disk that failed is tried again

    def __init__(self, folder: str | os.PathLike[str], warn: Callable[[str], None]) -> None:
        """``warn`` is called once when writing fails, from the writing thread."""
        self.folder = os.fspath(folder)
        self._warn = warn
        self._queue: SimpleQueue[Chunk | None] = SimpleQueue()
        # Each counter has one writer: the loop puts, the thread takes.
        self._put = 0
        self._taken = 0
        self._overflow = 0
        self._thread: threading.Thread | None = None
        self._at_end: Callable[[], object] = int
        # The thread's own.
        self._file: FileIO | None = None
        self._index: FileIO | None = None
        self._inode: int | None = None
        self._end = 0  # where the last write ended
        self._number = 0
        self._lost = 0
        self._retry_at = 0.0
        self._warned = False

    def put(self, chunk: Chunk) -> None:
        """Queues a chunk, or counts it as dropped; never waits. On the loop's thread only."""
        size = len(chunk.data) + CHUNK_COST
        if self._put - self._taken + size > self.queue_bytes:
            self._overflow += len(chunk.data)
            return
        self._tell_overflow(chunk.time)
        self._put += size
        self._queue.put(chunk)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="backend-log", daemon=True)
            self._thread.start()

    async def close(self, within: float) -> bool:
        """Writes what is queued; False where that takes longer than ``within`` seconds."""
        if self._thread is None:
            return True
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        self._tell_overflow(time.time())
        self._at_end = lambda: loop.call_soon_threadsafe(ended.set)
        self._queue.put(None)
        try:
            await asyncio.wait_for(ended.wait(), within)
        except TimeoutError:
            return False
        self._thread.join()
        self._thread = None
        return True

    def _tell_overflow(self, now: float) -> None:
        if self._overflow:
            self._queue.put(Chunk(now, "dropped", b"%d" % self._overflow))
            self._overflow = 0

    # On the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            chunks, last = self._take()
            self._follow_move()
            for chunk in join_chunks(chunks):
                self._append(chunk)
            self._taken += sum(len(chunk.data) + CHUNK_COST for chunk in chunks if chunk.stream != "dropped")
        self._close_files()
        try:
            self._at_end()
        except RuntimeError:
            pass  # the loop was closed in the meantime

    def _take(self) -> tuple[list[Chunk], bool]:
        chunks: list[Chunk] = []
        size = 0
        try:
            item = self._queue.get(timeout=LOOK_SECONDS if self._file is not None else None)
        except Empty:
            return [], False
        while item is not None:
            chunks.append(item)
            size += len(item.data)
            if size >= BATCH_BYTES:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        return chunks, item is None

    def _follow_move(self) -> None:
        """Makes file and folder again where they were removed or renamed: what is written to the old file is not found."""
        if self._file is None or _inode(self._path(self._number)) == self._inode:
            return
        lost = not os.path.isdir(self.folder)
        self._close_files()
        try:
            self._ready()
        except OSError as error:
            self._fail(error)
        else:
            if lost:
                self._warn(f"The backend's log folder {self.folder} was removed or renamed; it was created again.")

    def _append(self, chunk: Chunk) -> None:
        if chunk.stream == "dropped":
            self._lost += int(chunk.data)
            return
        try:
            if not self._ready():
                self._lost += len(chunk.data)
                return
            self._write(chunk)
        except OSError as error:
            self._lost += len(chunk.data)
            self._fail(error)

    def _ready(self) -> bool:
        if self._file is None:
            if time.monotonic() < self._retry_at:
                return False
            make_folder(self.folder)
            newest = max(self._numbers(), default=0)
            full = newest == 0 or self._is_closed(self._path(newest))
            self._open(newest + 1 if full else newest)
        elif self._file.tell() >= self.max_bytes:
            self._open(self._number + 1)
        return True

    def _write(self, chunk: Chunk) -> None:
        assert self._file is not None
        assert self._index is not None
        if self._lost:
            write_all(self._file.fileno(), b"\n[sidecar] %d bytes of output were not written here\n" % self._lost)
            self._lost = 0
        size = len(chunk.data)
        write_all(self._file.fileno(), chunk.data)
        # The position after an append is the end of what *we* wrote, even if another sidecar appends to the same file.
        offset = self._file.tell() - size
        if offset < self._end:
            self._index.truncate(0)  # another program truncated the log (logrotate's copytruncate)
        self._end = offset + size
        write_all(self._index.fileno(), f"{offset} {size} {iso(chunk.time)} {chunk.stream}\n".encode())
        self._warned = False

    def _open(self, number: int) -> None:
        self._close_files()
        self._number = number
        self._file = FileIO(open_append(self._path(number)), "a")
        self._inode = _inode(self._path(number))
        self._end = 0
        self._index = FileIO(open_append(self._path(number, "index")), "a")
        for old in sorted(self._numbers())[: -self.keep]:
            for path in (self._path(old), self._path(old, "index")):
                try:
                    remove_file(path)
                except OSError:
                    pass  # Windows: a program reads it; the next rotation tries again

    def _is_closed(self, path: str) -> bool:
        """Whether the next file has to be begun: this one is full, or no file that could be appended to."""
        seen = os.lstat(path)
        return seen.st_size >= self.max_bytes or not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1

    def _numbers(self) -> list[int]:
        # Without a pattern: this thread's import of re would hold up the first answer.
        names = [name[8:-4] for name in os.listdir(self.folder) if name[:8] == "backend-" and name[-4:] == ".log"]
        numbers = [int(name) for name in names if 6 <= len(name) <= 9 and name.isascii() and name.isdigit()]
        return [number for number in numbers if number < _MAX_NUMBER]

    def _path(self, number: int, kind: str = "log") -> str:
        return os.path.join(self.folder, f"backend-{number:06}.{kind}")

    def _close_files(self) -> None:
        for file in (self._file, self._index):
            if file is not None:
                try:
                    file.close()
                except OSError:
                    pass  # nothing is buffered; the descriptor is gone either way
        self._file = self._index = None

    def _fail(self, error: OSError) -> None:
        self._close_files()
        self._retry_at = time.monotonic() + self.retry
        if not self._warned:
            self._warned = True
            why = f"The backend's log cannot be written to {self.folder} ({error.strerror or error})."
            self._warn(f"{why} The backend is not affected; its last output stays readable from memory.")


def _inode(path: str) -> int | None:
    """Identifies the file among others of the same name; None if it does not exist."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
