"""The few prctl(2) calls; they do nothing where the system is not Linux.

ctypes costs about 4 ms, so it is loaded by the first call and not by the import.
"""

from __future__ import annotations

import os
import sys

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of init's (Linux 3.4)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_parent_death_signal(number: int) -> None:
    """The signal that this process gets when the *thread* that forked it ends; 0 for none."""
    _prctl(_PR_SET_PDEATHSIG, number)


def set_name(name: str) -> None:
    """What ps and top show as the command's name; 15 bytes."""
    if sys.platform == "linux":
        import ctypes

        _prctl(_PR_SET_NAME, ctypes.cast(ctypes.create_string_buffer(name.encode()[:15]), ctypes.c_void_p).value or 0)


def forbid_new_privileges() -> None:
    """From now on no execve gives more rights: setuid bits and file capabilities have no effect."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
