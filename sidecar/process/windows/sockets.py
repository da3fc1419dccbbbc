"""Who listens where, from the system's TCP tables; a system that refuses them reports no owners, and ports are probed instead."""

import ctypes
import select
import sys
from collections.abc import Collection, Iterator
from ctypes import byref
from socket import AF_INET, AF_INET6, AddressFamily, inet_ntop, socket
from struct import Struct

from ..base import ListeningSocket
from . import win32

assert sys.platform == "win32"


# Address, port and pid in MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID of tcpmib.h
_ROWS = {AF_INET: Struct("=4x4s2s10xI"), AF_INET6: Struct("=16s4x2s30xI")}
_AT_ONCE = 0.02  # seconds; a listener on loopback accepts within a fraction of one ms
_LOOPBACK = b"\x7f\0\0\1"
_LOOPBACK_OR_ANY = {_LOOPBACK, bytes(4)}


def listening_sockets() -> list[ListeningSocket]:
    """Returns every listening TCP socket of the machine. Wine reports no owner: there ``pid`` is None."""
    return [
        ListeningSocket(inet_ntop(family, address), int.from_bytes(port, "big"), pid or None)
        for family in _ROWS
        for address, port, pid in _rows(family)
    ]


def is_listening(port: int) -> bool:
    wanted = port.to_bytes(2, "big")
    try:
        return any(found == wanted and address in _LOOPBACK_OR_ANY for address, found, _pid in _rows(AF_INET))
    except OSError:
        return _accepts(port)


def _accepts(port: int) -> bool:
    """Whether a connection is accepted at once. A refusal takes 2 s, because Windows repeats the SYN."""
    with socket(AF_INET) as probe:  # closed without a reset, which makes accept fail and ends some servers
        probe.setblocking(False)
        probe.connect_ex((inet_ntop(AF_INET, _LOOPBACK), port))
        _, connected, _ = select.select([], [probe], [], _AT_ONCE)
        return bool(connected)


def _rows(family: AddressFamily) -> Iterator[tuple[bytes, bytes, int]]:
    """Yields address, port in network order and pid of each row."""
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
    """Returns who listens on the port, machine-wide. Empty: no known process."""
    try:
        return [found for found in listening_sockets() if found.port == port]
    except OSError:
        return []


def find_listeners_of(pids: Collection[int]) -> list[ListeningSocket] | None:
    """Returns the sockets on which these processes listen; None if the system reports no owners (Wine), or nothing at all."""
    try:
        found = listening_sockets()
    except OSError:
        return None
    if found and all(item.pid is None for item in found):
        return None
    return [item for item in found if item.pid in pids]
