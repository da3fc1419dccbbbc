"""The messages between sidecar and guardian: tuples in marshal, behind a 4-byte length, on a Unix stream socket.

Both ends run the same interpreter, so marshal is safe here, and it is the only encoder that is already in memory.
Request tuples:   ("launch", serial, program, marker, stop plan)   with the read ends of stdout and stderr, then stdin, the
                  write ends of stdout and stderr, and the passed socket, if any
                  ("stop", serial, asked)   ("interrupt", serial, seconds)   ("kill", serial)
Report tuples:    ("spawned", serial, pid, started)   ("failed", serial, step, errno)   ("exited", serial, wait status)
                  ("killing", serial)   ("gone", serial, survivors, killed), each ((pid, name), ...)
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the signal module takes 2 ms and adds nothing needed here
import _socket
import marshal
import os
import sys

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .spec import LaunchSpec

_INT_SIZE = 4
MAX_FDS = 6  # descriptors that come with a launch
CHUNK = 65536


# The signal's number, whether it goes to the root's group, seconds after a kill when survivors are reported, seconds that
# the tree has to end when the sidecar is dead, and whether the backend's stdin is open until the stop
StopPlan = tuple[int, bool, float, float, bool]


def launch_request(serial: int, spec: LaunchSpec, marker: str) -> tuple[Any, ...]:
    """Returns the request to launch, without its descriptors."""
    name, _, value = marker.partition("=")
    sandbox = spec.confinement
    program = (
        [os.fsencode(word) for word in (*(sandbox.wrapper if sandbox is not None else ()), *spec.command)],
        os.fsencode(spec.cwd),
        {os.fsencode(key): os.fsencode(item) for key, item in {**spec.env, name: value}.items()},
        (spec.nice, spec.open_files, spec.no_new_privileges),
        sandbox.rules if sandbox is not None else None,
        [os.fsencode(variable) for variable in spec.pid_variables],
    )
    number = int(getattr(_signal, spec.stop_signal))
    plan: StopPlan = (number, spec.stop_signal_to == "group", spec.kill_deadline, spec.alone, spec.stdin == "open")
    return ("launch", serial, program, marker.encode(), plan)


def open_streams(stdin: str) -> tuple[tuple[int, int, int], tuple[int, int], int]:
    """Returns the backend's stdin, stdout and stderr; the read ends of the last two; the write end of stdin (-1: it is empty). OSError: no descriptor is left."""
    fds: list[int] = []
    try:
        fds += os.pipe() if stdin == "open" else (os.open(os.devnull, os.O_RDONLY), -1)
        fds += os.pipe()
        fds += os.pipe()
    except OSError:
        for fd in fds:
            if fd >= 0:
                os.close(fd)
        raise
    stdin_read, stdin_write, stdout_read, stdout_write, stderr_read, stderr_write = fds
    return (stdin_read, stdout_write, stderr_write), (stdout_read, stderr_read), stdin_write


def encode(message: tuple[Any, ...]) -> bytes:
    """Returns the bytes of one message."""
    body = marshal.dumps(message)
    return len(body).to_bytes(4, "big") + body


class Inbox:
    """Collects bytes and descriptors from the socket, and returns whole messages."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.fds: list[int] = []

    def receive(self, sock: _socket.socket) -> bool:
        """Reads once; False at the end of the stream, including a reset. BlockingIOError: nothing to read."""
        try:
            data, ancillary, _flags, _address = sock.recvmsg(CHUNK, _socket.CMSG_SPACE(MAX_FDS * _INT_SIZE))
        except ConnectionError:
            return False
        for level, kind, payload in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                whole = len(payload) - len(payload) % _INT_SIZE
                for i in range(0, whole, _INT_SIZE):
                    fd = int.from_bytes(payload[i : i + _INT_SIZE], sys.byteorder)
                    os.set_inheritable(fd, False)  # a received descriptor survives execve otherwise
                    self.fds.append(fd)
        self._data += data
        return bool(data)

    def next(self) -> tuple[Any, ...] | None:
        """Returns the next whole message, or None."""
        if len(self._data) < 4:
            return None
        end = 4 + int.from_bytes(self._data[:4], "big")
        if len(self._data) < end:
            return None
        message = marshal.loads(self._data[4:end])  # noqa: S302 - from the same program, over a private socket
        del self._data[:end]
        return message  # type: ignore[no-any-return]


def send(sock: _socket.socket, data: bytes | memoryview, fds: Sequence[int] = ()) -> int:
    """Sends what fits, with the descriptors on the first byte; returns the number of bytes sent."""
    if not fds:
        return sock.send(data)
    packed = b"".join(fd.to_bytes(_INT_SIZE, sys.byteorder) for fd in fds)
    return sock.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)])
