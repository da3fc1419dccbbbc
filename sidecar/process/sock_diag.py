"""TCP sockets of this network namespace, through sock_diag(7): /proc/net/tcp takes 5 to 10 ms on a machine with 24 GB."""

import os
import socket
import struct
import sys
from collections.abc import Iterator

from .base import ListeningSocket

assert sys.platform == "linux"

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG of linux/netlink.h
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY of linux/sock_diag.h
_REQUEST, _DUMP = 0x1, 0x300  # NLM_F_REQUEST, NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_LISTEN = 1 << 10  # TCP_LISTEN of include/net/tcp_states.h
_HEAD = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
# inet_diag_req_v2: family, protocol, extensions, padding, states; port, address, peer's address, interface, cookie
_QUERY = struct.Struct("=BBBBI2s2x16s16sI8s")
_ANSWER = struct.Struct("=xB2x2s2x16s28x4xI8xI")  # inet_diag_msg: state, port, address; length of the queue, inode
_PORT, _INODE = slice(4, 6), slice(68, 72)  # in an inet_diag_msg
_ATTRIBUTE = struct.Struct("=HHB")  # nlattr: length, type; its value, padded to 4 bytes
_ONLY_IPV6 = 11  # INET_DIAG_SKV6ONLY, which the kernel always adds for a listening socket
_ANY_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE
_ALL_STATES = 0xFFF
_ANY_INTERFACE = 0  # does not match a socket bound to an interface
_LOOPBACK_INTERFACE = 1  # LOOPBACK_IFINDEX of include/net/net_namespace.h
_LOOPBACK = socket.inet_aton("127.0.0.1").ljust(16, b"\0")
_STATUS = struct.Struct("=i")  # 0 or a negative errno, first in NLMSG_DONE and NLMSG_ERROR
_BUFFER = 32 * 1024  # the most that the kernel writes at once
_TIMEOUT = 1.0  # seconds; the kernel answers within the call
_ADDRESS_SIZES = {socket.AF_INET: 4, socket.AF_INET6: 16}
_Answer = tuple[int, bytes, bytes, int, int, bool]  # state, port, address, length of the queue, inode, IPV6_V6ONLY


def listening(port: int = 0) -> dict[int, bytes]:
    """Returns inode → message about each listening socket on the port (0: any), for ``describe``. OSError: the kernel does not report them, or a sandbox around us forbids it.

    Undecoded, because any user may open half a million, and decoding these would hold the event loop for several seconds.
    """
    with _connect() as netlink:
        found = {}
        for family in _ADDRESS_SIZES:
            _ask(netlink, family, _DUMP, states=_LISTEN, port=port)
            for message in _messages(netlink):
                found[int.from_bytes(message[_INODE], sys.byteorder)] = message
    return found


def port_of(message: bytes) -> int:
    """Returns the port in a message of ``listening``."""
    return int.from_bytes(message[_PORT], "big")


def describe(message: bytes) -> ListeningSocket:
    """Decodes a message of ``listening``; the result has no owner."""
    _, port, address, _, _, only_ipv6 = _decode(message)
    family = socket.AddressFamily(message[0])
    text = socket.inet_ntop(family, address[: _ADDRESS_SIZES[family]])
    return ListeningSocket(text, int.from_bytes(port, "big"), None, only_ipv6)


def is_listening(port: int) -> bool:
    """Whether a connection to the port of 127.0.0.1 would find a listener, by the kernel's own lookup. Raises like ``listening``."""
    with _connect() as netlink:
        _ask(netlink, socket.AF_INET, 0, states=_LISTEN, port=port, address=_LOOPBACK, interface=_LOOPBACK_INTERFACE)
        try:
            next(_answers(netlink))
        except FileNotFoundError:
            return False
    return True


def states_on(port: int) -> list[tuple[int, int]]:
    """Returns state (include/net/tcp_states.h) and inode of each socket with the port; inode 0: no process holds it. Raises like ``listening``."""
    return [(state, inode) for state, _, _, _, inode, _ in _all(_ALL_STATES, port)]


def waiting_on(port: int) -> int:
    return sum(waiting for _, _, _, waiting, _, _ in _all(_LISTEN, port))


def _all(states: int, port: int) -> Iterator[_Answer]:
    """Yields each socket on the port in one of the states."""
    with _connect() as netlink:
        for family in _ADDRESS_SIZES:
            _ask(netlink, family, _DUMP, states=states, port=port)
            yield from _answers(netlink)


def _connect() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    netlink.settimeout(_TIMEOUT)
    return netlink


def _ask(
    netlink: socket.socket,
    family: int,
    flags: int,
    *,
    states: int,
    port: int = 0,
    address: bytes = bytes(16),
    interface: int = _ANY_INTERFACE,
) -> None:
    head = _HEAD.pack(_HEAD.size + _QUERY.size, _BY_FAMILY, _REQUEST | flags, 0, 0)
    what = (family, socket.IPPROTO_TCP, 0, 0, states, port.to_bytes(2, "big"), address, address, interface, _ANY_COOKIE)
    netlink.sendto(head + _QUERY.pack(*what), (0, 0))


def _answers(netlink: socket.socket) -> Iterator[_Answer]:
    return map(_decode, _messages(netlink))


def _decode(message: bytes) -> _Answer:
    return *_ANSWER.unpack_from(message), _is_only_ipv6(message[_ANSWER.size :])


def _messages(netlink: socket.socket) -> Iterator[bytes]:
    while True:
        data = netlink.recv(_BUFFER)
        position = 0
        while position + _HEAD.size <= len(data):
            length, kind, *_ = _HEAD.unpack_from(data, position)
            if kind in (_DONE, _ERROR):
                # A dump that fails after its start also ends with NLMSG_DONE, for example without the module tcp_diag.
                (status,) = _STATUS.unpack_from(data, position + _HEAD.size)
                if kind == _DONE and status == 0:
                    return
                raise OSError(-status, f"netlink: {os.strerror(-status)}")
            if kind != _BY_FAMILY or length < _HEAD.size + _ANSWER.size:
                raise OSError(f"netlink: a message of kind {kind} and length {length}")
            yield data[position + _HEAD.size : position + length]
            position += (length + 3) & ~3


def _is_only_ipv6(attributes: bytes) -> bool:
    position = 0
    while position + _ATTRIBUTE.size <= len(attributes):
        length, kind, value = _ATTRIBUTE.unpack_from(attributes, position)
        if kind == _ONLY_IPV6:
            return bool(value)
        position += max(4, (length + 3) & ~3)
    return False
