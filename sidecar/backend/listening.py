"""A cheap look at whether anything accepts connections on a port."""

from __future__ import annotations

import sys

_LOOPBACK = "127.0.0.1"

if sys.platform == "win32":
    # A refused connect takes about 2 s on Windows (it repeats the SYN), so the table of listeners is read instead.
    import ctypes
    import struct

    _AF_INET = 2
    _TCP_TABLE_BASIC_LISTENER = 0  # iprtrmib.h, TCP_TABLE_CLASS
    _ERROR_INSUFFICIENT_BUFFER = 122
    _ROW = struct.Struct("<5I")  # MIB_TCPROW: state, local address, local port, remote address, remote port
    _ANY = {0, int.from_bytes(b"\x7f\x00\x00\x01", "little")}  # 0.0.0.0 and 127.0.0.1, in network order

    def knock(port: int) -> bool:
        """Whether a socket listens on the port of 127.0.0.1; never blocks."""
        size = ctypes.c_ulong(0)
        table = ctypes.windll.iphlpapi.GetExtendedTcpTable
        buffer = ctypes.create_string_buffer(0)
        for _ in range(8):  # the table may grow between two calls
            result = table(buffer, ctypes.byref(size), False, _AF_INET, _TCP_TABLE_BASIC_LISTENER, 0)
            if result != _ERROR_INSUFFICIENT_BUFFER:
                break
            buffer = ctypes.create_string_buffer(size.value)
        if result:
            return True  # unknown: let the request itself find out
        (count,) = struct.unpack_from("<I", buffer)
        rows = (_ROW.unpack_from(buffer, 4 + index * _ROW.size) for index in range(count))
        return any(address in _ANY and _port(raw) == port for _state, address, raw, _, _ in rows)

    def _port(raw: int) -> int:
        """The low two bytes hold the port in network order."""
        return int.from_bytes(raw.to_bytes(4, "little")[:2], "big")

else:
    import errno
    import select
    import socket

    # Linux owns all of 127/8. From another source address than the target's a connect to a port of the ephemeral
    # range, on which nobody listens yet, can never meet itself (simultaneous open) and so never occupies the port.
    _SOURCE = "127.0.0.2" if sys.platform == "linux" else ""
    _IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h: choose the source port at connect, not at bind
    _PATIENCE = 1  # ms; loopback answers within microseconds, a full backlog not at all

    def knock(port: int) -> bool:
        """Whether a socket accepts connections on the port of 127.0.0.1; takes some 20 µs and never blocks longer than 1 ms."""
        try:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0))
        except OSError:  # no descriptor is left
            return True  # unknown: let the request itself find out
        with probe:
            probe.setblocking(False)
            _leave_from_elsewhere(probe)
            try:
                result = probe.connect_ex((_LOOPBACK, port))
                if result == errno.EINPROGRESS:
                    poller = select.poll()
                    poller.register(probe, select.POLLOUT)
                    result = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poller.poll(_PATIENCE) else result
                return result == 0 and probe.getsockname() != probe.getpeername()
            except OSError:
                return False

    def _leave_from_elsewhere(probe: socket.socket) -> None:
        if not _SOURCE:
            return
        try:
            probe.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            probe.bind((_SOURCE, 0))
        except OSError:
            pass  # a network namespace with less than 127/8; the comparison of both ends still sees a socket that met itself
