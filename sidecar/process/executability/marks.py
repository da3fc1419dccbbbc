"""What keeps an intact program from running: a download mark, or another program that holds the file."""

import ctypes
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ...core.cause import Cause
from . import HEAD_BYTES

QUARANTINE = "com.apple.quarantine"
_USER_APPROVED = 0x0040  # QTN_FLAG_USER_APPROVED: the user was asked and approved (xnu's quarantine.h)
_INTERNET, _RESTRICTED = 3, 4  # URLZONE_INTERNET, URLZONE_UNTRUSTED of urlmon.h


def read_head(program: Path) -> bytes:
    """Returns the first bytes of a program. Raises the system's OSError; on Windows with ``winerror``, which ``open`` does not set."""
    with _open(program) as file:
        return file.read(HEAD_BYTES)


def mark(program: Path, read_attribute: Callable[[Path], str | None] | None = None) -> Cause | None:
    """Returns the download mark, because of which the system may refuse or delay a start; None if unmarked."""
    if sys.platform == "win32":
        try:
            stream = Path(f"{program}:Zone.Identifier").read_text("utf-8", "replace")
        except OSError:
            return None
        return mark_of_the_web(stream, program)
    if sys.platform == "darwin" or read_attribute is not None:
        return quarantine((read_attribute or _macos_quarantine)(program), program)
    return None


def mark_of_the_web(stream: str, program: Path) -> Cause | None:
    """Parses the stream ``Zone.Identifier`` that Windows adds to downloads (MS-FSCC 5.6.1)."""
    zone = re.search(r"^\s*ZoneId\s*=\s*(\d+)", stream, re.MULTILINE)
    if zone is None or int(zone[1]) not in (_INTERNET, _RESTRICTED):
        return None
    quoted = str(program).replace("'", "''")
    remedy = f"Unblock it: Unblock-File -LiteralPath '{quoted}' in PowerShell, or Properties, Unblock."
    return Cause("is marked as downloaded from the internet, and Windows may block it", remedy)


def quarantine(value: str | None, program: Path) -> Cause | None:
    """Parses the attribute ``com.apple.quarantine`` (flags in hexadecimal;time;agent;id) that macOS adds to downloads."""
    if not value:
        return None
    flags = re.match(r"[0-9a-fA-F]+(?=;|$)", value)
    if flags is not None and int(flags[0], 16) & _USER_APPROVED:
        return None
    remedy = f"Open the app once from the Finder and confirm, or remove the mark: xattr -d {QUARANTINE} '{program}'."
    return Cause("is quarantined as an unapproved download, and macOS may refuse to run it", remedy)


def _macos_quarantine(program: Path) -> str | None:
    """Reads the attribute. os.getxattr exists only on Linux; macOS's getxattr(2) has two more arguments."""
    getxattr = ctypes.CDLL(None).getxattr
    # ssize_t getxattr(path, name, value, size, position, options)
    getxattr.argtypes = [*[ctypes.c_char_p] * 3, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_int]
    getxattr.restype = ctypes.c_ssize_t
    buffer = ctypes.create_string_buffer(1024)
    size = getxattr(os.fsencode(program), QUARANTINE.encode(), buffer, len(buffer), 0, 0)
    return buffer.raw[:size].decode("utf-8", "replace") if size > 0 else None


def _open(program: Path) -> BinaryIO:
    """Raises OSError; see read_head."""
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        # Others may read and delete the file meanwhile, as with CreateProcess: winnt.h, fileapi.h
        share_read_and_delete = 0x1 | 0x4
        handle = _winapi.CreateFile(
            str(program), _winapi.GENERIC_READ, share_read_and_delete, 0, _winapi.OPEN_EXISTING, 0, 0
        )
        try:
            descriptor = msvcrt.open_osfhandle(handle, os.O_RDONLY)
        except OSError:
            _winapi.CloseHandle(handle)
            raise
        return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, which the caller closes
    return program.open("rb")
