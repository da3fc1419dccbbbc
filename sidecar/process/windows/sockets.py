"""Who listens where, from the system's TCP tables."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection
from ctypes import byref
from socket import AF_INET, AF_INET6, inet_ntop

from ..base import ListeningSocket
from . import win32

assert sys.platform == "win32"

# Bytes a row, then the offsets of address, port (network order) and owner: MIB_TCPROW_OWNER_PID, MIB_TCP6ROW_OWNER_PID.
_LAYOUTS = ((win32.AF_INET, AF_INET, 24, 4, 4, 8, 20), (win32.AF_INET6, AF_INET6, 56, 0, 16, 20, 52))


def listening_sockets() -> list[ListeningSocket]:
    """Every listening TCP socket of the machine. Wine tells no owner: there ``pid`` is None."""
    found = []
    for family, python_family, row_size, address_at, address_size, port_at, pid_at in _LAYOUTS:
        table = _table(family)
        count = int.from_bytes(table[:4], "little")
        for start in range(4, 4 + count * row_size, row_size):
            address = inet_ntop(python_family, table[start + address_at : start + address_at + address_size])
            port = int.from_bytes(table[start + port_at : start + port_at + 2], "big")
            pid = int.from_bytes(table[start + pid_at : start + pid_at + 4], "little")
            found.append(ListeningSocket(address, port, pid or None))
    return found


def _table(family: int) -> bytes:
    function = ctypes.WinDLL("iphlpapi").GetExtendedTcpTable
    size = win32.DWORD(16384)
    for _attempt in range(10):  # it may have grown since its size was told
        buffer = ctypes.create_string_buffer(size.value)
        status = function(buffer, byref(size), 0, family, win32.TCP_TABLE_OWNER_PID_LISTENER, 0)
        if status == 0:
            return buffer.raw
        if status != win32.ERROR_INSUFFICIENT_BUFFER:
            raise ctypes.WinError(status)
        size = win32.DWORD(size.value + 4096)
    return bytes(4)


def find_listener(port: int) -> list[ListeningSocket]:
    """Who listens on the port, machine-wide. Empty: nobody."""
    return [found for found in listening_sockets() if found.port == port]


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """The sockets on which these processes listen; None where the system tells no owners (Wine)."""
    found = listening_sockets()
    if found and all(item.pid is None for item in found):
        return None
    return [item for item in found if item.pid in pids]
