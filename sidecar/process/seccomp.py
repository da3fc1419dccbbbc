"""A system call filter (seccomp) for level strict, which closes what Landlock does not cover.

Landlock checks only TCP's bind(2) and connect(2). So the filter allows only Unix, netlink and TCP sockets (not MPTCP, SCTP, UDP);
it refuses MSG_FASTOPEN, which connects by sending; io_uring, which no filter sees, and the kernel's keyrings and message queues,
which hold data of the user's other programs, appear not to exist; and prlimit, whose CPU time limit could kill another
process, works only on the caller. Programs get the same errors from kernels without these features.
Sources: seccomp(2), linux/filter.h, linux/audit.h, arch/*/entry/syscalls, include/uapi/asm-generic/unistd.h.
"""

import errno
import os
import struct

# BPF_LD|W|ABS, JMP|JEQ|K, JSET, JGE, ALU|AND|K, RET|K
_LOAD, _EQUAL, _SET, _FROM, _AND, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
_NR, _ARCH = 0, 4  # offsets in struct seccomp_data
_IO_URING_SETUP = 425
_X32 = 0x40000000  # the bit of x86-64's second table of calls
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_TYPE_MASK = 1, 2, 0xF
_TCP, _UDP = 6, 17
_MSG_FASTOPEN = 0x20000000
DNS_PORT = 53

# machine → for it, then for the 32-bit machine that its kernel also runs: audit architecture; socket, sendto, sendmsg, sendmmsg,
# prlimit64; absent calls: socketcall (32-bit only), mq_open, add_key, request_key, keyctl
_CALLS = {
    "x86_64": (
        (0xC000003E, (41, 44, 46, 307, 302), (240, 248, 249, 250)),
        (0x40000003, (359, 369, 370, 345, 340), (102, 277, 286, 287, 288)),
    ),
    "aarch64": (
        (0xC00000B7, (198, 206, 211, 269, 261), (180, 217, 218, 219)),
        (0x40000028, (281, 290, 296, 374, 369), (102, 274, 309, 310, 311)),
    ),
}
Line = tuple[str | None, int, int, str | None, str | None]  # label, code, value, jump if true, jump if false


def strict_filter(*, udp: bool) -> bytes:
    """Returns the filter for this machine; empty if none exists. ``udp``: allow UDP, which DNS needs."""
    tables = _CALLS.get(os.uname().machine, ()) if hasattr(os, "uname") else ()
    if not tables or struct.calcsize("P") != 8:
        return b""
    lines: list[Line] = [(None, _LOAD, _ARCH, None, None)]
    lines += [(None, _EQUAL, arch, f"table {arch}", None) for arch, _calls, _absent in tables]
    lines.append((None, _RETURN, _REFUSE | errno.ENOSYS, None, None))
    for arch, calls, absent in tables:
        targets = ("socket", "fourth", "third", "fourth", "own")
        lines.append((f"table {arch}", _LOAD, _NR, None, None))
        lines += [(None, _EQUAL, number, target, None) for number, target in zip(calls, targets, strict=True)]
        lines += [(None, _EQUAL, number, "absent", None) for number in (_IO_URING_SETUP, *absent)]
        lines.append((None, _FROM, _X32, "absent", "allow"))
    return _assemble([*lines, *_socket(udp=udp), *_TARGETS])


def _socket(*, udp: bool) -> list[Line]:
    allowed = [(None, _EQUAL, family, "allow", None) for family in (_AF_UNIX, _AF_NETLINK)]
    return [
        ("socket", _LOAD, _argument(0), None, None),
        *allowed,
        (None, _EQUAL, _AF_INET, "internet", None),
        (None, _EQUAL, _AF_INET6, "internet", "no family"),
        ("internet", _LOAD, _argument(1), None, None),
        (None, _AND, _SOCK_TYPE_MASK, None, None),
        (None, _EQUAL, _SOCK_STREAM, "stream", None),
        (None, _EQUAL, _SOCK_DGRAM, "datagram" if udp else "denied", "denied"),
        ("stream", _LOAD, _argument(2), None, None),
        (None, _EQUAL, 0, "allow", None),
        (None, _EQUAL, _TCP, "allow", "no protocol"),
        ("datagram", _LOAD, _argument(2), None, None),
        (None, _EQUAL, 0, "allow", None),
        (None, _EQUAL, _UDP, "allow", "no protocol"),
    ]


def _argument(number: int) -> int:
    """Returns the offset of an argument's lower half; both machines are little-endian."""
    return 16 + 8 * number


_TARGETS: list[Line] = [
    ("third", _LOAD, _argument(2), None, None),
    (None, _SET, _MSG_FASTOPEN, "no fast open", "allow"),
    ("fourth", _LOAD, _argument(3), None, None),
    (None, _SET, _MSG_FASTOPEN, "no fast open", "allow"),
    ("own", _LOAD, _argument(0), None, None),
    (None, _EQUAL, 0, "allow", "denied"),
    ("allow", _RETURN, _ALLOW, None, None),
    ("absent", _RETURN, _REFUSE | errno.ENOSYS, None, None),
    ("denied", _RETURN, _REFUSE | errno.EACCES, None, None),
    ("no family", _RETURN, _REFUSE | 97, None, None),  # EAFNOSUPPORT; by number, as other systems' values differ
    ("no protocol", _RETURN, _REFUSE | 93, None, None),  # EPROTONOSUPPORT
    ("no fast open", _RETURN, _REFUSE | 95, None, None),  # EOPNOTSUPP
]


def _assemble(lines: list[Line]) -> bytes:
    """Returns a struct sock_filter for each line; jumps are relative to the next line."""
    places = {label: number for number, (label, *_) in enumerate(lines) if label is not None}

    def offset(label: str | None, number: int) -> int:
        return places[label] - number - 1 if label is not None else 0

    return b"".join(
        struct.pack("=HBBI", code, offset(yes, number), offset(no, number), value)
        for number, (_label, code, value, yes, no) in enumerate(lines)
    )
