"""``without_landlock.py COMMAND…`` executes a command on a kernel that seems to have no Landlock: a seccomp filter answers ENOSYS."""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LANDLOCK_CREATE_RULESET = 444
# linux/bpf_common.h, linux/seccomp.h: load seccomp_data.nr; unless it is the call, skip one; refuse; allow
FILTER = (
    struct.pack("=HBBI", 0x20, 0, 0, 0)
    + struct.pack("=HBBI", 0x15, 0, 1, LANDLOCK_CREATE_RULESET)
    + struct.pack("=HBBI", 0x06, 0, 0, 0x00050000 | errno.ENOSYS)
    + struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
)


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    program = ctypes.create_string_buffer(FILTER, len(FILTER))
    whole = struct.pack("HxxxxxxQ", len(FILTER) // 8, ctypes.addressof(program))
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(sys.argv[1], sys.argv[1:])


main()
