"""What the backend writes: read as it comes, into one kept buffer, never blocking the loop or the backend."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

assert sys.platform != "win32"

_BUFFER = bytearray(131072)  # one for all: a read is handed on before the next one begins
_VIEW = memoryview(_BUFFER)
_LAST_READS = 16  # at most 2 MiB are still read from a pipe that is closed while a process holds it


class OutputPipe:
    """The read end of one of the two pipes, in the loop until its end or until it is closed."""

    def __init__(self, stream: str, deliver: Callable[[str, bytes], None], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._deliver = deliver
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._fd = -1

    def read(self, fd: int) -> None:
        """Begins to read from that end."""
        self._fd = fd
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    @property
    def closed(self) -> bool:
        """No more output will be sent."""
        return self._fd < 0

    def _read(self) -> bool:
        """Once a turn, so that a flood leaves the loop its turns. False when there is nothing (more) to read."""
        try:
            count = os.readv(self._fd, [_BUFFER])
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        if count:
            self._deliver(self._stream, bytes(_VIEW[:count]))
            return True
        self._close()
        self._ended()
        return False

    def close(self) -> None:
        """Reads what is there, and closes, even if a process holds the other end. ``ended`` is not called."""
        self._ended = lambda: None
        for _read in range(_LAST_READS):
            if self._fd < 0 or not self._read():
                break
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
