"""The listening TCP sockets of this network namespace, asked of the kernel by netlink: sock_diag(7).

/proc/net/tcp holds the same, but to write it the kernel goes through its table of *connections*, a quarter of a million
places on a machine with 24 GB: 5 to 10 ms, during which the loop does nothing else. This asks for listeners alone.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator

assert sys.platform == "linux"

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG of linux/netlink.h
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY of linux/sock_diag.h
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_LISTEN = 1 << 10  # TCP_LISTEN of include/net/tcp_states.h
_HEAD = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ASK = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, extensions, padding, states, and no one socket
_TOLD = struct.Struct("=4x2s2x16s28x16xI")  # inet_diag_msg: port, address; inode
_STATUS = struct.Struct("=i")  # 0, or an errno below it, first in NLMSG_DONE and NLMSG_ERROR
_BUFFER = 32 * 1024  # what the kernel writes at once
_PATIENCE = 1.0  # seconds; it answers within the call


def listening() -> dict[int, tuple[str, int]]:
    """Inode → address and port.

    Raises:
        OSError: the kernel, or what confines this process, does not have it.
    """
    found = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as asker:
        asker.settimeout(_PATIENCE)
        for family, size in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
            length = _HEAD.size + _ASK.size
            head = _HEAD.pack(length, _BY_FAMILY, _REQUEST_DUMP, 0, 0)
            asker.sendto(head + _ASK.pack(family, socket.IPPROTO_TCP, 0, 0, _LISTEN), (0, 0))
            for port, address, inode in _answers(asker):
                found[inode] = (socket.inet_ntop(family, address[:size]), int.from_bytes(port, "big"))
    return found


def _answers(asker: socket.socket) -> Iterator[tuple[bytes, bytes, int]]:
    while True:
        data = asker.recv(_BUFFER)
        position = 0
        while position + _HEAD.size <= len(data):
            length, kind, *_ = _HEAD.unpack_from(data, position)
            if kind in (_DONE, _ERROR):
                # A dump that fails after its start ends with NLMSG_DONE, too: without the module tcp_diag, say.
                (status,) = _STATUS.unpack_from(data, position + _HEAD.size)
                if kind == _DONE and status == 0:
                    return
                raise OSError(-status, f"netlink: {os.strerror(-status)}")
            if kind != _BY_FAMILY or length < _HEAD.size + _TOLD.size:
                raise OSError(f"netlink: a message of kind {kind} and length {length}")
            yield _TOLD.unpack_from(data, position + _HEAD.size)
            position += (length + 3) & ~3
