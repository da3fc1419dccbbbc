"""Handles an unusual environment of a command: closed or unwritable streams, and termination signals."""

import errno
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, TypeVar

from ..errors import UsageError
from ..process.platform.signals import TERMINATION

_T = TypeVar("_T")

OUTPUT_LOST = 74  # EX_IOERR of sysexits.h, like 64, 70 and 78
READER_GONE = 1  # click and rich also exit with this after EPIPE

_CANCELLING = 2  # interrupts that cancel: the first stops everything in order, the second stops waiting

_UNREAD = {errno.EPIPE, errno.EINVAL}  # Windows' C library reports EINVAL for a pipe whose reader is gone
_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def open_streams() -> None:
    """Opens each closed stream on the null device, so that no file gets its number. Pipes and files use UTF-8, and no text fails."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # lowest number first: each gets its own
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open until exit
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def stdout_failed(error: OSError) -> bool:
    """Whether the error comes from writing to stdout; errors from files have a file name."""
    return error.filename is None and error.errno in _UNREAD | _UNWRITTEN


def reader_gone(error: OSError) -> bool:
    """Whether the reader of stdout is gone, as with ``| head -1``: not worth a message."""
    return error.errno in _UNREAD


def silence(descriptor: int = 1) -> None:
    """Discards all further output to stdout (or stderr, 2), including what Python flushes at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
    except OSError:
        pass


@contextmanager
def temporary_folder(prefix: str) -> Iterator[str]:
    """Yields a temporary folder. UsageError: it cannot be created."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        hint = "Set TMPDIR (Windows: TEMP) to a folder that exists, is writable and is not full."
        raise UsageError(f"No temporary folder is available: {error.strerror}", hint=hint) from None
    with folder as name:
        yield name


class Interruption:
    """The signal that asked the command to end: SIGINT, or another one; ``cancel`` cancels what ``run_cancellable`` runs."""

    def __init__(self) -> None:
        self.signal = signal.SIGINT
        self.count = 0
        self.cancel: Callable[[], object] | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Handles one signal: the first two cancel what runs. Where nothing does, and for a third, raises KeyboardInterrupt."""
        self.count += 1
        if number in TERMINATION:
            self.signal = signal.Signals(number)
        # An exception raised in a loop would end whichever task is running, perhaps not the main one, and skip what handles
        # a cancellation.
        if self.cancel is None or self.count > _CANCELLING:
            raise KeyboardInterrupt
        self.cancel()


_interruption: ContextVar[Interruption | None] = ContextVar("interruption", default=None)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Makes SIGTERM and SIGHUP end a command as Ctrl+C does; ignored signals (``nohup``, a shell's ``&``) stay ignored."""
    seen = Interruption()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *TERMINATION)}
    ours = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, seen.take)
    token = _interruption.set(seen)
    try:
        yield seen
    finally:
        _interruption.reset(token)
        for number in ours:
            signal.signal(number, before[number])


def run_cancellable(work: Coroutine[Any, Any, _T]) -> _T:
    """``asyncio.run`` for a command: the first two requests to end it cancel ``work``, a third raises KeyboardInterrupt."""
    import asyncio

    seen = _interruption.get()
    if seen is None:
        with interruptible():
            return run_cancellable(work)

    async def cancellable() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        seen.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            if seen.count:  # Python ignores exceptions raised in its own callbacks, such as those of an import
                work.close()
                raise asyncio.CancelledError
            return await work
        finally:
            seen.cancel = None

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
