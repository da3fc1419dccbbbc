"""Sockets on 127.0.0.1: the options that servers set, and a cheap check for a listener on a port."""

import _socket as socket  # enough here; the socket module takes 3 ms
import sys

LOOPBACK = "127.0.0.1"

CHOSEN_BY_SYSTEM = 32_768
"""Ports from here on a program has usually not chosen itself; on Windows and macOS that begins at 49,152."""

HOLDERS_ARE_KNOWN = sys.platform != "win32"
"""Whether the system reports every process that holds a socket; Windows reports the one that created it."""

DENIES_TAKEN_PORTS = sys.platform == "win32"
"""Whether binding a port that another program has may fail with EACCES: if that one has it exclusively on all addresses (as Java does), or belongs to another user (Sharing Transport Addresses)."""

HAS_NOTIFICATIONS = sys.platform == "linux"  # whether the system reports the sender of a datagram (process.notify)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a socket that listens on the address."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


if sys.platform == "win32":
    REFUSAL_IS_SLOW = True
    FIRST_FREE_PORT = 0

    def set_server_options(server: socket.socket) -> None:
        # Without this Windows lets a second socket bind an occupied port.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)

    def is_listening(port: int) -> bool:
        from ..windows.sockets import is_listening

        return is_listening(port)

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:
        return {"LISTEN_HANDLE": str(descriptor)}, ()

    _LINGER_BYTES = 2  # of each number in struct linger of winsock2.h

else:
    import errno

    REFUSAL_IS_SLOW = False  # whether a refused connect takes about 2 s, because Windows repeats the SYN

    FIRST_FREE_PORT = 1024  # the lowest port that needs no special rights; on Windows no port does

    # Linux owns all of 127/8. From a source address other than the target's, a connect to an ephemeral port on which
    # nothing listens yet can never connect to itself (simultaneous open), and so never occupies the port.
    _SOURCE = "127.0.0.2" if sys.platform == "linux" else ""
    _IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h: choose the source port at connect, not at bind
    _LINGER_BYTES = 4  # of each number in struct linger: linux/socket.h, sys/socket.h
    _TIMEOUT = 1  # ms; loopback answers within microseconds, a full backlog never

    def set_server_options(server: socket.socket) -> None:
        """Sets the options that servers set, so that a bind succeeds exactly where theirs would, and no other program can take over the port."""
        # Connections of the last run linger in TIME_WAIT on its port; .NET, Node, Go and asyncio servers set this too.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def is_listening(port: int) -> bool:
        """Whether a socket listens on the port of 127.0.0.1, within 1 ms: by a lookup, or by a connection that is reset. True if no descriptor is left to look with."""
        if sys.platform == "linux":
            from ..sockets import is_listening as look_up

            found = look_up(port)
            if found is not None:
                return found
        return _accepts(port)

    def socket_variables(descriptor: int) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ARG001 - it will be 3
        """Returns the variables that announce a passed socket (sd_listen_fds(3); on Windows a handle), and the names of those that get the run's pid."""
        return {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, ("LISTEN_PID",)

    def _accepts(port: int) -> bool:
        import select  # a separate extension module, which the first launch does not need

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
                    pass  # a network namespace with less than 127/8; the comparison of both ends below still detects a self-connect
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


# The functions below use only methods that asyncio's TransportSocket has too.
_TCP_INFO = getattr(socket, "TCP_INFO", None)  # Linux only
_ESTABLISHED = 1  # include/net/tcp_states.h


def reset_on_close(connection: socket.socket, *, reset: bool) -> None:
    """Sets whether closing the connection sends RST and leaves nothing at either end, or FIN as usual."""
    try:
        onoff = int(reset).to_bytes(_LINGER_BYTES, sys.byteorder)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, onoff + bytes(_LINGER_BYTES))
    except OSError:
        pass  # it is closed already


def has_peer_closed(connection: socket.socket) -> bool:
    """Whether the other end has closed the connection, even if unread data remains. Linux only; else False."""
    if _TCP_INFO is None:
        return False
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] != _ESTABLISHED
    except OSError:
        return True
