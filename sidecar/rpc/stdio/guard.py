"""The protocol's two descriptors: taken out of everybody's reach, and told apart by kind.

Imported before hello is written: nothing but what the interpreter has loaded already.
"""

from __future__ import annotations

import os
import stat
import sys

PIPE = "pipe"  # a pipe or a socket: readiness can be waited for, and it has an end
FILE = "file"  # a regular file: always ready, its end is the end of the input and not the loss of an owner
OTHER = "other"  # a terminal, the null device: neither


def guard_stdio() -> tuple[int, int]:
    """Moves fd 0 and 1 to private, non-inheritable descriptors; gives those of stdin and stdout.

    Whatever prints from now on, C libraries included, prints to stderr, and whatever reads from fd 0 reads nothing.
    A descriptor that the parent closed counts as the null device.
    """
    _open_missing()
    private_in, private_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(private_in, os.O_BINARY)
        msvcrt.setmode(private_out, os.O_BINARY)
    return private_in, private_out


def _open_missing() -> None:
    """Opens the null device for each of fd 0, 1, 2 that is closed; open() gives the lowest free number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def kind_of(descriptor: int) -> str:
    """PIPE, FILE or OTHER."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return FILE
    return PIPE if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else OTHER


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of it, waiting where it must.

    Raises:
        OSError: the other side is gone, or the disk is full.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # the parent made it non-blocking
            set_blocking(descriptor, blocking=True)


def set_blocking(descriptor: int, *, blocking: bool) -> bool:
    """Sets the mode, gives the one before. It belongs to the open file, so others who hold that see the change; on Windows nothing."""
    if sys.platform == "win32":
        return True
    before = os.get_blocking(descriptor)
    os.set_blocking(descriptor, blocking)
    return before


def read_into(descriptor: int, buffer: memoryview) -> int:
    """Reads into memory that is there already; 0 is the end."""
    if sys.platform == "win32":
        raise NotImplementedError
    return os.readv(descriptor, [buffer])


def has_ended(descriptor: int) -> bool:
    """Whether the other side of a pipe or socket is gone or has ended its sending, without reading what is still in it."""
    if sys.platform == "win32":
        return _windows_pipe_has_ended(descriptor)
    import select

    poll = select.poll()
    # Linux tells a half-closed socket as POLLRDHUP only; a closed pipe as POLLHUP, which needs no asking (poll(2)).
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def is_broken(descriptor: int) -> bool:
    """Whether nobody reads the other side of a pipe or socket any more; on Windows only a write can tell."""
    if sys.platform == "win32":
        return False
    import select

    poll = select.poll()
    poll.register(descriptor, 0)  # POLLERR (a pipe without readers) and POLLHUP (a socket without peer) come unasked
    return bool(poll.poll(0))


def _windows_pipe_has_ended(descriptor: int) -> bool:
    """PeekNamedPipe fails with ERROR_BROKEN_PIPE once the writers are gone and the data is read; on other handles with another error."""
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes
    import msvcrt

    error_broken_pipe = 109
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    available = ctypes.c_ulong()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
    if kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(available), None):
        return False
    return ctypes.get_last_error() == error_broken_pipe
