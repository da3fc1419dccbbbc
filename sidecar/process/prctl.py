"""prctl(2); does nothing off Linux. Called through _ctypes: ctypes adds 1 ms to a start, and half a MiB to the guardian."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from typing import Any

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_PR_CAPBSET_DROP = 24
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
# linux/capability.h
_CAP_SETPCAP = 8
_CAPABILITY_VERSION_3 = 0x20080522
_MAX_CAPABILITIES = 64
_functions: dict[str, tuple[Any, Any]] = {}


def become_subreaper() -> None:
    """Makes orphaned descendants children of this process instead of init's (Linux 3.4)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_parent_death_signal(number: int) -> None:
    """Sets the signal that this process gets when the *thread* that forked it ends; 0 for none."""
    _prctl(_PR_SET_PDEATHSIG, number)


def arm_owner() -> None:
    """Prepares the sidecar: it inherits what a killed guardian leaves, and notices the end of its own parent even when stopped."""
    import _signal  # type: ignore[import-not-found]  # typeshed has no stub

    become_subreaper()
    set_parent_death_signal(_signal.SIGCONT)


def set_name(name: str) -> None:
    """Sets the name that ps and top show; 15 bytes."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def forbid_new_privileges() -> None:
    """Ensures that no execve gives more rights: setuid bits and file capabilities have no effect from now on."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls(program: bytes) -> None:
    """Adds a seccomp filter, permanently and for all descendants; call forbid_new_privileges first."""
    import ctypes
    import struct

    lines = ctypes.create_string_buffer(program, len(program))
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(lines)))  # sock_fprog
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(whole))


def has_system_call_filters() -> bool:
    try:
        _prctl(_PR_GET_SECCOMP, 0)
    except OSError as error:
        return error.errno != errno.EINVAL
    return True


def can_drop_capabilities() -> bool:
    """Whether drop_capabilities leaves none: without CAP_SETPCAP, root would regain those of its bounding set at execve."""
    if sys.platform != "linux":
        return False
    effective, _permitted, _inheritable = _capabilities()
    return os.geteuid() != 0 or bool(effective & 1 << _CAP_SETPCAP)


def drop_capabilities() -> None:
    """Ensures that from the next execve on, this process and its descendants have no capability and can get none, not even as root."""
    # Call forbid_new_privileges too: only root may change the bounding set, and with it other users do not need to.
    try:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:  # the kernel is older than 4.3
        pass
    for number in range(_MAX_CAPABILITIES):
        try:
            _prctl(_PR_CAPBSET_DROP, number)
        except OSError:  # EPERM; or EINVAL: the kernel has fewer capabilities
            break
    effective, permitted, _inheritable = _capabilities()
    _capabilities((effective, permitted, 0))


def _capabilities(new: tuple[int, int, int] | None = None) -> tuple[int, int, int]:
    """Returns the effective, permitted and inheritable sets of this process; with ``new``, sets them first."""
    import ctypes
    import struct

    header, data = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), ctypes.create_string_buffer(24)
    if new is not None:
        struct.pack_into("=6I", data, 0, *(half >> shift & 0xFFFFFFFF for shift in (0, 32) for half in new))
    call_libc("capget" if new is None else "capset", header, data)
    words = struct.unpack("=6I", data.raw)
    return words[0] | words[3] << 32, words[1] | words[4] << 32, words[2] | words[5] << 32


def _prctl(option: int, value: int | bytes, third: int = 0) -> None:
    if sys.platform == "linux":
        call_libc("prctl", option, value, third, 0, 0)


def call_libc(name: str, *arguments: Any) -> int:
    """Calls a function of the C library, passing integers as longs. Raises OSError if the result is negative."""
    import _ctypes

    if name not in _functions:
        _functions[name] = _load(name)
    function, long = _functions[name]
    result: int = function(*(long(each) if isinstance(each, int) else each for each in arguments))
    if result < 0:
        number = _ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _load(name: str) -> tuple[Any, Any]:
    """Returns the function and its integer type. Cached: creating the two classes takes a process 0.4 ms after a fork."""
    import _ctypes

    class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001 - what ctypes.c_long is; no generic at run time
        _type_ = "l"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Long

    program = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type, attr-defined, unused-ignore]  # typeshed lacks the None of dlopen(3)
    return Function(_ctypes.dlsym(program, name)), Long  # type: ignore[attr-defined, unused-ignore]  # not on Windows
