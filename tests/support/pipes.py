"""A child process whose stdin, stdout and stderr are handled by threads, so that it works on any event loop.

Part of the independent protocol client: frames as the protocol page describes them, without the sidecar's code.
"""

from __future__ import annotations

import asyncio
import os
import queue
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from . import processes

Message = dict[str, Any]
GRACE = 2.0  # seconds until nothing of a tree may be alive: the no-orphan guarantee


def pack(message: Any) -> bytes:
    """One frame."""
    body = msgspec.msgpack.encode(message)
    return struct.pack(">I", len(body)) + body


def take_messages(received: bytearray) -> list[Message]:
    """Removes the complete frames from the front of the received bytes, and returns their messages."""
    messages, position = [], 0
    while len(received) - position >= 4:
        (length,) = struct.unpack_from(">I", received, position)
        if len(received) - position - 4 < length:
            break
        messages.append(msgspec.msgpack.decode(bytes(received[position + 4 : position + 4 + length])))
        position += 4 + length
    del received[:position]
    return messages


def unpack_all(data: bytes) -> list[Message]:
    """The messages of a complete stream; a truncated frame at the end is an error."""
    received = bytearray(data)
    messages = take_messages(received)
    assert not received, "the stream ends inside a frame"
    return messages


class PipedProcess:
    """A running child; ``on_messages`` and ``on_end`` are called on the event loop that made it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_messages: Callable[[list[Message]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_messages, self._on_end = on_messages, on_end
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._may_read = threading.Event()
        self._may_read.set()
        self._seen: dict[int, psutil.Process] = {}
        self.stderr = bytearray()
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(env), cwd=cwd, bufsize=0)
        jobs = (self._read, self._read_stderr, self._write)
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def write(self, data: bytes) -> None:
        self._outbox.put(data)

    def close_stdin(self) -> None:
        self._outbox.put(None)

    def pause_reading(self) -> None:
        """Stops reading stdout, within one chunk."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    # The end of the process

    def wait(self, timeout: float) -> int:
        """Returns the exit status once all output has been read. Blocks."""
        status = self.popen.wait(timeout)
        self._join(5.0)
        return status

    def kill(self, pid: int | None = None) -> None:
        """Kills (SIGKILL, TerminateProcess) the child, or ``pid`` if the child is a launcher, as in a Windows venv."""
        self.remember_descendants()
        if pid not in {None, self.popen.pid}:
            psutil.Process(pid).kill()
        self.popen.kill()

    def remember_descendants(self) -> list[psutil.Process]:
        """Records the child's current descendants, for ``leftovers``."""
        try:
            found: list[psutil.Process] = psutil.Process(self.popen.pid).children(recursive=True)
        except psutil.Error:
            return []
        self._seen.update((process.pid, process) for process in found)
        return found

    def leftovers(self) -> list[str]:
        """Returns the remembered processes that are alive after the grace. Blocks."""
        deadline = time.monotonic() + GRACE
        while (alive := list(filter(processes.lives, self._seen.values()))) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [str(process) for process in alive]

    def destroy(self) -> None:
        """Kills the child and every remembered process. Blocks."""
        self.remember_descendants()
        for process in self._seen.values():
            try:
                process.kill()
            except psutil.Error:
                pass
        if self.alive:
            self.popen.kill()
        self.popen.wait(60)
        self._join(2.0)
        for stream in (self.popen.stdout, self.popen.stderr):
            if stream:
                stream.close()

    def _join(self, timeout: float) -> None:
        self._outbox.put(None)
        self._may_read.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # Threads

    def _read(self) -> None:
        descriptor = self.popen.stdout.fileno()
        received = bytearray()
        while True:
            self._may_read.wait()
            try:
                chunk = os.read(descriptor, 1 << 20)
            except OSError:
                chunk = b""
            if not chunk:
                self._post(self._on_end)
                return
            received += chunk
            if messages := take_messages(received):
                self._post(self._on_messages, messages)

    def _read_stderr(self) -> None:
        while chunk := os.read(self.popen.stderr.fileno(), 1 << 16):
            self.stderr += chunk

    def _write(self) -> None:
        try:
            while (data := self._outbox.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[os.write(self.popen.stdin.fileno(), view) :]
        except OSError:
            pass  # the child is gone; the reader notices
        try:
            self.popen.stdin.close()
        except OSError:
            pass

    def _post(self, job: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(job, *args)
        except RuntimeError:
            pass  # the test has ended and closed its loop
