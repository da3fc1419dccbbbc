"""What a sandbox means on Windows: a token without privileges at integrity level Low, and two mitigations.

Windows does not let a process at this level change anything without a Low label, or access the memory of processes above it.
So the folders that the backend may write get that label, which stays after the run. Not used:

- user interface limits: a job that has them cannot be nested (Nested Jobs), and the sidecar nests two;
- the mitigations for strict handle checks, which end programs that close a handle twice; against dynamic code, which JIT compilers
  need; and against images with a Low label, which programs have that unpack themselves into the temporary folder.

Sources: Mandatory Integrity Control; CreateRestrictedToken; CreateProcessAsUserW; UpdateProcThreadAttribute.
"""

from __future__ import annotations

import _winapi
import ctypes
import ntpath
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import POINTER, byref, c_int, c_size_t, c_uint64, c_void_p, c_wchar_p, sizeof
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import _CDataType

    from ..spec import LaunchSpec

assert sys.platform == "win32"

from .win32 import DWORD, HANDLE, check, declare  # noqa: E402 - after the assertion, for mypy on other systems

_TOKEN_ACCESS = 0x0001 | 0x0002 | 0x0008 | 0x0080  # assign as primary, duplicate, query, adjust defaults
_DISABLE_MAX_PRIVILEGE = 0x1
_TOKEN_INTEGRITY_LEVEL = 25
_SE_GROUP_INTEGRITY = 0x20
_LOW = b"\x01\x01" + (16).to_bytes(6, "big") + (4096).to_bytes(4, "little")  # the SID S-1-16-4096
_SE_FILE_OBJECT = 1
_READ_CONTROL = 0x2_0000
_WRITE_OWNER = 0x8_0000  # needed to set a label
_BACKUP_SEMANTICS = 0x0200_0000  # opens folders too
_SHARE_ALL = 7
_SACL = 0x8  # for the text only: reading a SACL takes a privilege
_LABEL = 0x10  # LABEL_SECURITY_INFORMATION
_SDDL_REVISION = 1
_USE_STANDARD_STREAMS = 0x100
_EXTENDED_STARTUP_INFO = 0x0008_0000
_HANDLE_LIST = 0x0002_0002
_MITIGATION_POLICY = 0x0002_0007
_NO_EXTENSION_POINTS = 1 << 32  # blocks DLLs that hooks, AppInit_DLLs and layered sockets load into each process
_NO_REMOTE_IMAGES = 1 << 52  # blocks programs and DLLs on another machine
_REMOTE_DRIVE = 4
# STARTUPINFOEXW: size, three names, place, flags, how to show, reserved, streams, attributes
_STARTUP = Struct("@IPPP7IIHHP3PP")
_CREATED = Struct("@PPII")  # PROCESS_INFORMATION: process, thread, and their ids
_MANDATORY_LABEL = Struct("@PI0P")  # TOKEN_MANDATORY_LABEL: SID, attributes

_TEXTS, _PLACES = [c_wchar_p] * 2, [c_void_p] * 2
_OpenProcessToken = declare("OpenProcessToken", c_int, HANDLE, DWORD, POINTER(HANDLE))
_CreateRestrictedToken = declare(
    "CreateRestrictedToken", c_int, HANDLE, DWORD, DWORD, c_void_p, DWORD, c_void_p, DWORD, c_void_p, POINTER(HANDLE)
)
_SetTokenInformation = declare("SetTokenInformation", c_int, HANDLE, c_int, c_void_p, DWORD)
_CreateProcessAsUser = declare(
    "CreateProcessAsUserW", c_int, HANDLE, *_TEXTS, *_PLACES, c_int, DWORD, *_TEXTS, *_PLACES
)
_InitializeAttributes = declare("InitializeProcThreadAttributeList", c_int, c_void_p, DWORD, DWORD, POINTER(c_size_t))
_UpdateAttribute = declare("UpdateProcThreadAttribute", c_int, c_void_p, DWORD, c_size_t, c_void_p, c_size_t, *_PLACES)
_DeleteAttributes = declare("DeleteProcThreadAttributeList", c_int, c_void_p)
_CloseHandle = declare("CloseHandle", c_int, HANDLE)
_LocalFree = declare("LocalFree", c_void_p, c_void_p)
_GetDriveType = declare("GetDriveTypeW", DWORD, c_wchar_p)
_ReadDescriptor = declare(
    "ConvertStringSecurityDescriptorToSecurityDescriptorW", c_int, c_wchar_p, DWORD, POINTER(c_void_p), c_void_p
)
_WriteDescriptor = declare(
    "ConvertSecurityDescriptorToStringSecurityDescriptorW", c_int, c_void_p, DWORD, DWORD, POINTER(c_void_p), c_void_p
)
_GetSacl = declare("GetSecurityDescriptorSacl", c_int, c_void_p, POINTER(c_int), POINTER(c_void_p), POINTER(c_int))
_GetSecurity = declare("GetSecurityInfo", DWORD, HANDLE, c_int, DWORD, *[c_void_p] * 4, POINTER(c_void_p))
_SetSecurity = declare("SetSecurityInfo", DWORD, HANDLE, c_int, DWORD, *[c_void_p] * 4)


def label(path: str) -> None:
    """Lets programs at integrity level Low write a file, or a folder and all below it. OSError: not possible, or not allowed."""
    ace = f"(ML;{'OICI' if ntpath.isdir(path) else ''};NW;;;LW)"
    handle = _winapi.CreateFile(
        path, _READ_CONTROL | _WRITE_OWNER, _SHARE_ALL, 0, _winapi.OPEN_EXISTING, _BACKUP_SEMANTICS, 0
    )
    try:
        if ace not in label_of(handle).replace("ID;", ";"):  # setting it visits everything in the folder
            _set_label(handle, f"S:{ace}")
    finally:
        _winapi.CloseHandle(handle)


def label_of(handle: int) -> str:
    """Returns the integrity label, as in ``S:AI(ML;OICIID;NW;;;LW)``; empty if there is none."""
    descriptor, text = c_void_p(), c_void_p()
    if _GetSecurity(handle, _SE_FILE_OBJECT, _LABEL, None, None, None, None, byref(descriptor)):
        return ""
    try:
        check(_WriteDescriptor(descriptor, _SDDL_REVISION, _LABEL | _SACL, byref(text), None))
        return ctypes.wstring_at(text.value) if text.value else ""
    finally:
        _LocalFree(text)
        _LocalFree(descriptor)


def _set_label(handle: int, wanted: str) -> None:
    descriptor, sacl, unused = c_void_p(), c_void_p(), c_int()
    check(_ReadDescriptor(wanted, _SDDL_REVISION, byref(descriptor), None))
    try:
        check(_GetSacl(descriptor, byref(unused), byref(sacl), byref(unused)))
        if error := _SetSecurity(handle, _SE_FILE_OBJECT, _LABEL, None, None, None, sacl):
            raise ctypes.WinError(error)
    finally:
        _LocalFree(descriptor)


def create(
    program: str, line: str, spec: LaunchSpec, folder: str, flags: int, *, inherited: Sequence[int]
) -> tuple[int, int, int]:
    """Like ``_winapi.CreateProcess``; ``inherited``: the three streams, then others. Returns handle, thread handle, pid. Raises OSError."""
    remote = program.startswith("\\\\") or _GetDriveType(ntpath.splitdrive(program)[0] + "\\") == _REMOTE_DRIVE
    policy = c_uint64(_NO_EXTENSION_POINTS | (0 if remote else _NO_REMOTE_IMAGES))
    handles = (HANDLE * len(inherited))(*inherited)
    created = ctypes.create_string_buffer(_CREATED.size)
    block = ctypes.create_unicode_buffer("".join(f"{name}={value}\0" for name, value in spec.env.items()) + "\0")
    command = ctypes.create_unicode_buffer(line)
    with _low_token() as token, _attributes({_HANDLE_LIST: handles, _MITIGATION_POLICY: policy}) as attributes:
        startup = _STARTUP.pack(_STARTUP.size, *[0] * 10, _USE_STANDARD_STREAMS, 0, 0, 0, *inherited[:3], attributes)
        flags |= _EXTENDED_STARTUP_INFO
        block_address = ctypes.cast(block, c_wchar_p)
        where = flags, block_address, folder, startup, created
        check(_CreateProcessAsUser(token, program, ctypes.cast(command, c_wchar_p), None, None, True, *where))
    process, thread, pid, _ = _CREATED.unpack(created)
    return process, thread, pid


@contextmanager
def _low_token() -> Iterator[HANDLE]:
    """Yields a restricted copy of our own token: assigning any other to a process takes a privilege."""
    own, token = HANDLE(), HANDLE()
    check(_OpenProcessToken(_winapi.GetCurrentProcess(), _TOKEN_ACCESS, byref(own)))
    try:
        check(_CreateRestrictedToken(own, _DISABLE_MAX_PRIVILEGE, 0, None, 0, None, 0, None, byref(token)))
    finally:
        _CloseHandle(own)
    try:
        sid = ctypes.create_string_buffer(_LOW, len(_LOW))
        low = _MANDATORY_LABEL.pack(ctypes.addressof(sid), _SE_GROUP_INTEGRITY)
        check(_SetTokenInformation(token, _TOKEN_INTEGRITY_LEVEL, low, len(low) + len(_LOW)))
        yield token
    finally:
        _CloseHandle(token)


@contextmanager
def _attributes(values: dict[int, _CDataType]) -> Iterator[int]:
    """Yields the address of a PROC_THREAD_ATTRIBUTE_LIST; the values must live as long."""
    size = c_size_t()
    _InitializeAttributes(None, len(values), 0, byref(size))
    room = ctypes.create_string_buffer(size.value)
    check(_InitializeAttributes(room, len(values), 0, byref(size)))
    try:
        for key, value in values.items():
            check(_UpdateAttribute(room, 0, key, byref(value), sizeof(value), None, None))
        yield ctypes.addressof(room)
    finally:
        _DeleteAttributes(room)
