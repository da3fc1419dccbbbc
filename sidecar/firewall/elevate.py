"""Runs one program as administrator, after the system's prompt. Nothing is decided here, because testing it takes a desktop."""

import _winapi
import ctypes
import ntpath
import sys
from ctypes import wintypes

from ..errors import ElevationRefusedError, UnsupportedError

assert sys.platform == "win32"  # in this form mypy skips the rest on other systems

_SEE_MASK_NOCLOSEPROCESS = 0x40
_SEE_MASK_NOASYNC = 0x100  # for a thread without a message loop: return only when the process exists
_SEE_MASK_FLAG_NO_UI = 0x400  # errors as numbers, not as message boxes
_SW_HIDE = 0
_COINIT_APARTMENTTHREADED = 0x2
_COINIT_DISABLE_OLE1DDE = 0x4
_ERROR_CANCELLED = 1223


class _ShellExecuteInfo(ctypes.Structure):
    _fields_ = (
        ("cbSize", wintypes.DWORD),
        ("fMask", wintypes.ULONG),
        ("hwnd", wintypes.HWND),
        ("lpVerb", wintypes.LPCWSTR),
        ("lpFile", wintypes.LPCWSTR),
        ("lpParameters", wintypes.LPCWSTR),
        ("lpDirectory", wintypes.LPCWSTR),
        ("nShow", ctypes.c_int),
        ("hInstApp", wintypes.HINSTANCE),
        ("lpIDList", ctypes.c_void_p),
        ("lpClass", wintypes.LPCWSTR),
        ("hkeyClass", wintypes.HKEY),
        ("dwHotKey", wintypes.DWORD),
        ("hIconOrMonitor", wintypes.HANDLE),
        ("hProcess", wintypes.HANDLE),
    )


def run(file: str, parameters: str, *, timeout: float = 30.0, verb: str = "runas") -> int | None:
    """Starts a hidden program after the prompt, and waits up to ``timeout`` seconds for its exit: call this in a thread.

    ``verb``: ``open`` starts it without a prompt, for tests. Returns the exit code, or None if it still runs; neither proves what
    was achieved. ElevationRefusedError: the user declined. UnsupportedError: Windows did not start it.
    """
    shell32 = ctypes.WinDLL("shell32", use_last_error=True)
    ole32 = ctypes.WinDLL("ole32")
    shell32.ShellExecuteExW.argtypes = [ctypes.POINTER(_ShellExecuteInfo)]
    shell32.ShellExecuteExW.restype = wintypes.BOOL
    info = _ShellExecuteInfo(
        cbSize=ctypes.sizeof(_ShellExecuteInfo),
        fMask=_SEE_MASK_NOCLOSEPROCESS | _SEE_MASK_NOASYNC | _SEE_MASK_FLAG_NO_UI,
        hwnd=_foreground_window(),
        lpVerb=verb,
        lpFile=file,
        lpParameters=parameters,
        lpDirectory=ntpath.dirname(file),  # not our folder, where a DLL could have been placed
        nShow=_SW_HIDE,
    )
    # Shell extensions may be called, and those are COM objects. Negative: the thread is already in another apartment.
    initialised = ole32.CoInitializeEx(None, _COINIT_APARTMENTTHREADED | _COINIT_DISABLE_OLE1DDE) >= 0
    try:
        if not shell32.ShellExecuteExW(ctypes.byref(info)):
            raise _refusal(ctypes.get_last_error(), file)
    finally:
        if initialised:
            ole32.CoUninitialize()
    return _exit_code(info.hProcess, timeout)


def _foreground_window() -> int | None:
    """The foreground window, most likely the app's: a prompt without an owner may only flash in the taskbar (ShellExecuteExW, User Account Control)."""
    function = ctypes.WinDLL("user32").GetForegroundWindow
    function.restype = wintypes.HWND
    window: int | None = function()
    return window


def _refusal(error: int, file: str) -> ElevationRefusedError | UnsupportedError:
    if error == _ERROR_CANCELLED:
        text = "The firewall rule was not created: the administrator prompt was declined."
        hint = "Try again and confirm the prompt, or run the firewall command as administrator."
        return ElevationRefusedError(text, hint=hint)
    text = f"Windows did not start “{file}” as administrator: {ctypes.FormatError(error).strip()} (error {error})."
    return UnsupportedError(text, hint="Run the firewall command as administrator.", data={"error": error})


def _exit_code(process: int | None, timeout: float) -> int | None:
    if not process:
        return None
    try:
        if _winapi.WaitForSingleObject(process, int(timeout * 1000)) != _winapi.WAIT_OBJECT_0:
            return None
        return _winapi.GetExitCodeProcess(process)
    finally:
        _winapi.CloseHandle(process)
