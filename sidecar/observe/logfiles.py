"""The backend's output on disk: raw bytes in ``backend-NNNNNN.log``.

A thread writes from a bounded queue, so the backend never waits for a disk. Output that does not fit, or that a full or
read-only disk refuses, is dropped and counted, and the file notes that where it happened.
"""

import asyncio
import os
import stat
import time
from collections.abc import Callable
from io import FileIO
from queue import Empty, SimpleQueue

from ..process.platform.descriptors import write_all
from ..process.platform.files import make_folder, open_append, remove_file
from ..threads import post, start_thread

CHUNK_COST = 200  # bytes of bookkeeping for each chunk, so that a backend that writes byte by byte is bounded too
BATCH_BYTES = 1024 * 1024
CHECK_SECONDS = 0.5  # between two checks whether the file is still in its place

# Of our own files; after a higher one, which only the backend can have made, no file would be removed.
_MAX_NUMBER = 999_000


class LogFiles:
    """Writes to rotated files in ``folder``, which may be replaced before the first ``put``."""

    max_bytes = 10 * 1024 * 1024  # of a file
    keep = 10  # files; the newest ones
    queue_bytes = 8 * 1024 * 1024  # maximum that waits for the disk
    retry = 10.0  # seconds until a disk that failed is tried again

    def __init__(self, folder: str | os.PathLike[str], warn: Callable[[str], None]) -> None:
        """``warn`` is called once when writing fails, from the writing thread."""
        self.folder = os.fspath(folder)
        self._warn = warn
        self._queue: SimpleQueue[bytes | int | None] = SimpleQueue()  # a chunk, a number of dropped bytes, or the end
        # Each counter has one writer: the loop puts, the thread takes.
        self._put = 0
        self._taken = 0
        self._overflow = 0
        self._is_running = False
        self._at_end: Callable[[], object] = int
        # Used only in the thread.
        self._file: FileIO | None = None
        self._inode: int | None = None
        self._number = 0
        self._lost = 0
        self._retry_at = 0.0
        self._warned = False

    def put(self, data: bytes) -> None:
        """Queues a chunk, or counts it as dropped; never waits. On the loop's thread only."""
        size = len(data) + CHUNK_COST
        if self._put - self._taken + size > self.queue_bytes:
            self._overflow += len(data)
            return
        self._queue_overflow()
        self._put += size
        self._queue.put(data)
        self._start()

    async def close(self, within: float) -> bool:
        """Writes what is queued; False if that takes longer than ``within`` seconds."""
        if not self._is_running and self._put == self._taken:
            return True
        if not self._start():
            return False
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        self._queue_overflow()
        self._at_end = lambda: post(loop, ended.set)
        self._queue.put(None)
        try:
            async with asyncio.timeout(within):
                await ended.wait()
        except TimeoutError:
            return False
        self._is_running = False
        return True

    def _start(self) -> bool:
        """Starts the thread if necessary; False if the system has no thread left, and then the next chunk tries again."""
        if not self._is_running:
            try:
                start_thread(self._run)
            except RuntimeError:
                return False
            self._is_running = True
        return True

    def _queue_overflow(self) -> None:
        if self._overflow:
            self._queue.put(self._overflow)
            self._overflow = 0

    # On the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = False
        while not last:
            items, last = self._take()
            self._follow_move()
            chunks: list[bytes] = []
            for item in items:
                if isinstance(item, int):
                    self._append(chunks)
                    self._lost += item
                else:
                    chunks.append(item)
            self._append(chunks)
        self._close_file()
        self._at_end()

    def _take(self) -> tuple[list[bytes | int], bool]:
        items: list[bytes | int] = []
        size = 0
        try:
            item = self._queue.get(timeout=CHECK_SECONDS if self._file is not None else None)
        except Empty:
            return [], False
        while item is not None:
            items.append(item)
            size += len(item) if isinstance(item, bytes) else 0
            if size >= BATCH_BYTES:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        return items, item is None

    def _follow_move(self) -> None:
        """Creates file and folder again if they were removed or renamed, because users would not find the old file."""
        if self._file is None or _inode(self._path(self._number)) == self._inode:
            return
        lost = not os.path.isdir(self.folder)
        self._close_file()
        try:
            self._ready()
        except OSError as error:
            self._fail(error)
        else:
            if lost:
                self._warn(f"The backend's log folder {self.folder} was removed or renamed; it was created again.")

    def _append(self, chunks: list[bytes]) -> None:
        """Empties the list, and writes its chunks together."""
        data = b"".join(chunks)
        cost = len(data) + CHUNK_COST * len(chunks)
        chunks.clear()
        try:
            if data and self._ready():
                self._write(data)
            else:
                self._lost += len(data)
        except OSError as error:
            self._lost += len(data)
            self._fail(error)
        self._taken += cost

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

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        if self._lost:
            write_all(self._file.fileno(), b"\n[sidecar] %d bytes of output were not written here\n" % self._lost)
            self._lost = 0
        write_all(self._file.fileno(), data)
        self._warned = False

    def _open(self, number: int) -> None:
        self._close_file()
        self._number = number
        self._file = FileIO(open_append(self._path(number)), "a")
        self._inode = _inode(self._path(number))
        for old in sorted(self._numbers())[: -self.keep]:
            try:
                remove_file(self._path(old))
            except OSError:
                pass  # Windows: a program reads it; the next rotation tries again

    def _is_closed(self, path: str) -> bool:
        """Whether to start the next file: this one is full, or is not a file that can be appended to."""
        seen = os.lstat(path)
        return seen.st_size >= self.max_bytes or not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1

    def _numbers(self) -> list[int]:
        # Six digits: other names end in a date. No pattern, because importing re in this thread would delay the first response.
        names = [name[8:-4] for name in os.listdir(self.folder) if name[:8] == "backend-" and name[-4:] == ".log"]
        numbers = [int(name) for name in names if len(name) == 6 and name.isascii() and name.isdigit()]
        return [number for number in numbers if number < _MAX_NUMBER]

    def _path(self, number: int) -> str:
        return os.path.join(self.folder, f"backend-{number:06}.log")

    def _close_file(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                pass  # nothing is buffered; the descriptor is gone either way
        self._file = None

    def _fail(self, error: OSError) -> None:
        self._close_file()
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
