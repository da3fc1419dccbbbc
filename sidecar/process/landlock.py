"""Landlock, Linux's sandbox for processes without privileges, through its three system calls.

Sources: Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h. A ruleset names the rights that it handles
(all others stay) and where each is granted; ``restrict`` applies it permanently, through fork, setsid and execve. Each version
("ABI") adds rights. The system call numbers are the same wherever Python runs, except on alpha.
"""

import os
import struct
import sys

from .prctl import call_libc

# Rights on files; the last three need ABI 2, 3 and 5
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1  # ABI 4
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1 << 0, 1 << 1  # ABI 6

_FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the others are rights on folders
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH, _NET_PORT = 1, 2

# handled rights on files, on the network, scopes; (path, rights) …; (port, rights) …
Rules = tuple[int, int, int, tuple[tuple[bytes, int], ...], tuple[tuple[int, int], ...]]


def abi() -> int:
    """Returns the version of Landlock; 0 if the kernel is older than 5.13, or was built or booted without it."""
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def known_to(version: int, rules: Rules) -> Rules:
    """Returns the rules without the rights that a version lacks."""
    files, network, scopes, paths, ports = rules
    if not version:
        return 0, 0, 0, (), ()
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        if version < since:
            files &= ~right
    return files, network if version >= 4 else 0, scopes if version >= 6 else 0, paths, ports


def restrict(rules: Rules) -> None:
    """Applies the rules to this thread; no_new_privs must be set. OSError: the kernel refused. A missing path grants no right."""
    files, network, scopes, paths, ports = rules
    # struct landlock_ruleset_attr; an older kernel accepts the longer struct if the part that it does not know is zero.
    ruleset = _call(_CREATE_RULESET, struct.pack("=QQQ", files, network, scopes), 24, 0)
    try:
        for path, rights in paths:
            _allow_path(ruleset, path, rights & files)
        for port, rights in ports:
            if rights & network:
                _call(_ADD_RULE, ruleset, _NET_PORT, struct.pack("=QQ", rights & network, port), 0)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: bytes, rights: int) -> None:
    if sys.platform != "linux":
        return
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.fstat(fd).st_mode & 0o170000 != 0o040000:  # stat.S_ISDIR, without its module
            rights &= _FOR_FILES
        if rights:
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)  # packed, says the header
    finally:
        os.close(fd)


def _call(number: int, *arguments: bytes | int | None) -> int:
    return call_libc("syscall", number, *arguments)
