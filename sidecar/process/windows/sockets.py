"""Who listens where, from the system's TCP tables."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection, Iterator
from ctypes import byref
from socket import AF_INET, AF_INET6, AddressFamily, inet_ntop
from struct import Struct

from ..base import ListeningSocket
from . import win32

assert sys.platform == "win32"


# Address, port and pid in MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID of tcpmib.h
_ROWS = {AF_INET: Struct("=4x4s2s10xI"), AF_INET6: Struct("=16s4x2s30xI")}
_LOOPBACK_OR_ANY = {b"\x7f\0\0\1", bytes(4)}


def listening_sockets() -> list[ListeningSocket]:
    """Every listening TCP socket of the machine. Wine reports no owner: there ``pid`` is None."""
    return [
        ListeningSocket(inet_ntop(family, address), int.from_bytes(port, "big"), pid or None)
        for family in _ROWS
        for address, port, pid in _rows(family)
    ]


def is_listening(port: int) -> bool:
    """Whether a socket listens on the port of 127.0.0.1, never blocking; True where the table cannot be read."""
    wanted = port.to_bytes(2, "big")
    try:
        return any(found == wanted and address in _LOOPBACK_OR_ANY for address, found, _pid in _rows(AF_INET))
    except OSError:
        return True


def _rows(family: AddressFamily) -> Iterator[tuple[bytes, bytes, int]]:
    """Address, port in network order and pid of each row."""
    table, row = _table(family), _ROWS[family]
    count = int.from_bytes(table[:4], "little")
    return row.iter_unpack(table[4 : 4 + count * row.size])


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
