"""The datagram socket to which a backend sends systemd notifications (NOTIFY_SOCKET), with proof of each sender.

Linux only: on macOS no datagram names its sender (LOCAL_PEERCRED is for streams), Windows has no datagrams on AF_UNIX.
"""

import os
import socket
import stat
import struct
import sys
from pathlib import Path

from .base import Datagram
from .platform.files import bind_file, make_folder, remove_file

assert sys.platform == "linux"

_CREDENTIALS = struct.Struct("=iII")  # struct ucred of unix(7): pid, uid, gid
_MAX_PATH = 107  # bytes: sockaddr_un without its final zero
_PREFIX = "notify-"


class NotifySocket:
    """See base.NotifyChannel. Bound to a path, which a sandbox can allow; to an abstract name if that is impossible."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError: no descriptor is left."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path: Path | None = folder / f"{_PREFIX}{os.getpid()}"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            make_folder(str(folder))
            _remove_dead(folder)
            if len(os.fsencode(self._path)) > _MAX_PATH:
                raise OSError("too long")  # noqa: TRY301 - like any other reason
            bind_file(self._socket, self._path)
            self.address = str(self._path)
        except OSError:
            self._path = None
            self._socket.bind("")  # the kernel chooses an abstract name: unix(7), autobind
            self.address = "@" + self._socket.getsockname()[1:].decode()

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self, size: int) -> Datagram | None:
        """See base. The buffer has room only for credentials, so the kernel closes any descriptors that are sent (unix(7))."""
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                size, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_DONTWAIT
            )
        except (BlockingIOError, InterruptedError):
            return None
        pid = 0
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])[0]
        return Datagram(data, pid, bool(flags & socket.MSG_TRUNC))

    def close(self) -> None:
        self._socket.close()
        if self._path is not None:
            remove_file(self._path)


def _remove_dead(folder: Path) -> None:
    """Removes the sockets of killed sidecars: no process is bound to them. connect(2) refuses any other kind of file too."""
    for path in folder.glob(f"{_PREFIX}*"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            try:
                if stat.S_ISSOCK(path.lstat().st_mode):
                    probe.connect(os.fspath(path))
            except ConnectionRefusedError:
                remove_file(path)
            except OSError:
                pass
