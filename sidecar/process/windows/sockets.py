"""Who listens where, from the system's TCP tables."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection, Iterator
from ctypes import byref
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple

from ..base import ListeningSocket
from . import win32

assert sys.platform == "win32"


class _Layout(NamedTuple):
    """The table's and the socket module's names of a family, bytes a row, and where in a row its fields are (the port in network order)."""

    table: int
    family: int
    row: int
    address: slice
    port: slice
    pid: slice


# MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID of tcpmib.h
_IPV4 = _Layout(win32.AF_INET, AF_INET, 24, slice(4, 8), slice(8, 10), slice(20, 24))
_IPV6 = _Layout(win32.AF_INET6, AF_INET6, 56, slice(0, 16), slice(20, 22), slice(52, 56))
_LOOPBACK_OR_ANY = {b"\x7f\0\0\1", bytes(4)}


def listening_sockets() -> list[ListeningSocket]:
    """Every listening TCP socket of the machine. Wine reports no owner: there ``pid`` is None."""
    return [
        ListeningSocket(
            inet_ntop(layout.family, row[layout.address]),
            int.from_bytes(row[layout.port], "big"),
            int.from_bytes(row[layout.pid], "little") or None,
        )
        for layout in (_IPV4, _IPV6)
        for row in _rows(layout)
    ]


def is_listening(port: int) -> bool:
    """Whether a socket listens on the port of 127.0.0.1, never blocking; True where the table cannot be read."""
    wanted = port.to_bytes(2, "big")
    try:
        return any(row[_IPV4.port] == wanted and row[_IPV4.address] in _LOOPBACK_OR_ANY for row in _rows(_IPV4))
    except OSError:
        return True


def _rows(layout: _Layout) -> Iterator[bytes]:
    table = _table(layout.table)
    count = int.from_bytes(table[:4], "little")
    return (table[start : start + layout.row] for start in range(4, 4 + count * layout.row, layout.row))


def _table(family: int) -> bytes:
    function = ctypes.WinDLL("iphlpapi").GetExtendedTcpTable
    size = win32.DWORD(16384)
    for _attempt in range(10):  # it may have grown since its size was reported
        buffer = ctypes.create_string_buffer(size.value)
        status = function(buffer, byref(size), 0, family, win32.TCP_TABLE_OWNER_PID_LISTENER, 0)
        if status == 0:
            return buffer.raw
        if status != win32.ERROR_INSUFFICIENT_BUFFER:
            raise ctypes.WinError(status)
        size = win32.DWORD(size.value + 4096)
    return bytes(4)


def find_listener(port: int) -> list[ListeningSocket]:
    """Who listens on the port, machine-wide. Empty: no process."""
    return [found for found in listening_sockets() if found.port == port]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """The sockets on which these processes listen; None if the system reports no owners (Wine)."""
    found = listening_sockets()
    if found and all(item.pid is None for item in found):
        return None
    return [item for item in found if item.pid in pids]
