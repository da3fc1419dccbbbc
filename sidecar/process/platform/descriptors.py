"""The descriptors of stdin and stdout, protected from all other code. Used before hello: imports only what is loaded already."""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIPE = "pipe"  # a pipe or a socket: readiness can be waited for, and it has an end
FILE = "file"  # a regular file: always ready; its end is the end of the input, not the loss of the owner
OTHER = "other"  # a terminal, the null device: neither


def guard_stdio() -> tuple[int, int]:
    """Moves fd 0 and 1 to private descriptors and returns these; later prints go to stderr. A closed fd becomes the null device."""
    _open_missing()
    private_in, private_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":  # otherwise it translates line ends
        for descriptor in (private_in, private_out):
            msvcrt.setmode(descriptor, os.O_BINARY)
    return private_in, private_out


def _open_missing() -> None:
    """Opens the null device for each of fd 0, 1, 2 that is closed; open() returns the lowest free number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def kind_of(descriptor: int) -> str:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return FILE
    return PIPE if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else OTHER


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all data, blocking if necessary. Raises OSError: the other side is gone, or the disk is full."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # the parent made it non-blocking
            set_blocking(descriptor, blocking=True)


if sys.platform == "win32":
    import _winapi
    import msvcrt

    POLLED_KINDS: frozenset[str] = frozenset()
    _ERROR_BROKEN_PIPE = 109

    def has_terminal() -> bool:
        # isatty() is true for the null device too; the interpreter uses this class only for consoles.
        raw = getattr(getattr(sys.stdin, "buffer", None), "raw", None)
        return type(raw).__name__ == "_WindowsConsoleIO"

    def set_blocking(descriptor: int, *, blocking: bool) -> bool:  # noqa: ARG001 - the signature of POSIX
        return True

    def read_into(descriptor: int, buffer: memoryview) -> int:
        raise NotImplementedError  # a thread reads

    def write_pieces(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
        return os.write(descriptor, pieces[0])

    def has_ended(descriptor: int) -> bool:
        # PeekNamedPipe fails with ERROR_BROKEN_PIPE once the writers are gone and the data is read; on handles other than
        # pipes it fails with another error.
        return _peek(descriptor) == _ERROR_BROKEN_PIPE

    def read_blocking(descriptor: int, size: int) -> bytes:
        # Not os.read: a write of no bytes also ends a read of a pipe (ReadFile), which os.read takes for the end.
        handle = msvcrt.get_osfhandle(descriptor)
        while not (data := _winapi.ReadFile(handle, size)[0]) and _peek(descriptor) == 0:
            pass
        return data

    def _peek(descriptor: int) -> int:
        import ctypes

        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        return 0 if kernel32.PeekNamedPipe(handle, None, 0, None, None, None) else ctypes.get_last_error()

    def is_broken(descriptor: int) -> bool:  # noqa: ARG001 - as above
        return False

    def broken_before_input(source: int, sink: int) -> Callable[[], bool]:  # noqa: ARG001 - as above
        return lambda: False

else:
    POLLED_KINDS = frozenset({PIPE})
    """The kinds of descriptors whose readiness the loop can wait for; none on Windows, where threads read and write."""

    def has_terminal() -> bool:
        return os.isatty(0)

    def set_blocking(descriptor: int, *, blocking: bool) -> bool:
        """Sets the mode and returns the previous one. The mode belongs to the open file, so all its holders see the change. Does nothing on Windows."""
        before = os.get_blocking(descriptor)
        os.set_blocking(descriptor, blocking)
        return before

    def read_into(descriptor: int, buffer: memoryview) -> int:
        """Reads from a polled kind of descriptor into existing memory; 0: the end."""
        return os.readv(descriptor, [buffer])

    def write_pieces(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
        """Writes some of the pieces, in order, with one system call; returns the number of bytes."""
        return os.write(descriptor, pieces[0]) if len(pieces) == 1 else os.writev(descriptor, pieces)

    def has_ended(descriptor: int) -> bool:
        """Whether the other side of a pipe or socket is gone or has shut down sending, without reading what is still buffered."""
        import select

        # Linux reports a half-closed socket only as POLLRDHUP, and a closed pipe always as POLLHUP (poll(2)).
        return _reports(descriptor, getattr(select, "POLLRDHUP", 0))

    def read_blocking(descriptor: int, size: int) -> bytes:
        """Reads at most ``size`` bytes from any kind of descriptor; none at the end. On Windows the end of a pipe raises OSError."""
        return os.read(descriptor, size)

    def is_broken(descriptor: int) -> bool:
        """Whether nobody can read from the other side any more; always False on Windows, where only a write shows it."""
        # POLLERR (a pipe without readers) and POLLHUP (a socket without peer) are always reported.
        return _reports(descriptor, 0)

    def _reports(descriptor: int, events: int) -> bool:
        import select

        poll = select.poll()
        poll.register(descriptor, events)
        return bool(poll.poll(0))

    def broken_before_input(source: int, sink: int) -> Callable[[], bool]:
        """Returns a function that waits for input, and returns True if the sink lost its reader first; on Windows False at once."""
        import select

        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(sink, 0)  # as in is_broken
        return lambda: any(descriptor == sink for descriptor, _ in poll.poll())
