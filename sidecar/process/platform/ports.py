"""Sockets on 127.0.0.1: the options that servers set, and a cheap check whether anything listens on a port."""

from __future__ import annotations

import _socket as socket  # all that is needed here; the module around it takes 3 ms
import sys

LOOPBACK = "127.0.0.1"

HOLDERS_ARE_KNOWN = sys.platform != "win32"
"""Whether the system names every process that holds a socket; Windows names the one that made it."""

HAS_NOTIFICATIONS = sys.platform == "linux"
"""Whether a datagram names its sender (process.notify)."""

if sys.platform == "win32":
    REFUSAL_IS_SLOW = True
    FIRST_FREE_PORT = 0

    def set_server_options(server: socket.socket) -> None:
        # Without it Windows lets a second socket bind an occupied port.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)

    def is_listening(port: int) -> bool:
        from ..windows.sockets import is_listening

        return is_listening(port)

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:
        return {"LISTEN_HANDLE": str(descriptor)}, ()

    _LINGER_BYTES = 2  # of each number in struct linger of winsock2.h

else:
    import errno

    REFUSAL_IS_SLOW = False
    """Whether a refused connect takes about 2 s: Windows repeats the SYN."""

    FIRST_FREE_PORT = 1024
    """Lower ports need special rights, except on Windows."""

    # Linux owns all of 127/8. From another source address than the target's a connect to a port of the ephemeral
    # range, on which nothing listens yet, can never meet itself (simultaneous open) and so never occupies the port.
    _SOURCE = "127.0.0.2" if sys.platform == "linux" else ""
    _IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h: choose the source port at connect, not at bind
    _LINGER_BYTES = 4  # of each number in struct linger: linux/socket.h, sys/socket.h
    _TIMEOUT = 1  # ms; loopback answers within microseconds, a full backlog not at all

    def set_server_options(server: socket.socket) -> None:
        """Sets what servers set, so that a bind succeeds exactly where theirs would, and no other program can take the port over."""
        # Connections of the last run linger in TIME_WAIT on its port; .NET, Node, Go and asyncio servers set this too.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def is_listening(port: int) -> bool:
        """Whether a socket accepts connections on the port of 127.0.0.1, within 1 ms: looked up, or by one that is reset. Unknown: True."""
        if sys.platform == "linux":
            from ..sockets import is_listening as look_up

            found = look_up(port)
            if found is not None:
                return found
        return _knock(port)

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ARG001 - it will be 3
        """How a run learns of a socket that it is handed (sd_listen_fds(3); on Windows a handle), and which variables get its pid."""
        return {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, ("LISTEN_PID",)

    def _knock(port: int) -> bool:
        import select  # an extension file of its own, which the first launch does without

        try:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0))
        except OSError:  # no descriptor is left
            return True
        try:
            probe.setblocking(False)
            if _SOURCE:
                try:
                    probe.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                    probe.bind((_SOURCE, 0))
                except OSError:
                    pass  # a network namespace with less than 127/8; comparing both ends still detects a socket that met itself
            reset_on_close(probe, reset=True)
            result = probe.connect_ex((LOOPBACK, port))
            if result == errno.EINPROGRESS:
                poller = select.poll()
                poller.register(probe, select.POLLOUT)
                result = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poller.poll(_TIMEOUT) else result
            return bool(result == 0 and probe.getsockname() != probe.getpeername())
        except OSError:
            return False
        finally:
            probe.close()


# What of a socket is used here; asyncio's TransportSocket has it too.
_TCP_INFO = getattr(socket, "TCP_INFO", None)  # Linux alone
_ESTABLISHED = 1  # include/net/tcp_states.h


def reset_on_close(connection: socket.socket, *, reset: bool) -> None:
    """Whether closing the connection sends RST and leaves nothing at either end, or FIN as usual."""
    try:
        onoff = int(reset).to_bytes(_LINGER_BYTES, sys.byteorder)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, onoff + bytes(_LINGER_BYTES))
    except OSError:
        pass  # it is closed already


def has_peer_closed(connection: socket.socket) -> bool:
    """Whether the other end has closed the connection, read or not. Only Linux says so; else False."""
    if _TCP_INFO is None:
        return False
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] != _ESTABLISHED
    except OSError:
        return True
