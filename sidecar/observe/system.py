"""Facts about the sidecar and the machine, for crash reports and support bundles."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from .. import __version__

_GIBIBYTE = 1024**3
_NATIVE_MACHINES = {0xAA64: "ARM64", 0x8664: "AMD64", 0x014C: "x86"}  # IMAGE_FILE_MACHINE_* of winnt.h


def describe_system(folder: Path | None = None) -> list[str]:
    """One fact a line; ``folder``: the disk of which the free space matters. May wait for that disk: not on the loop."""
    import psutil

    memory = psutil.virtual_memory()
    lines = [
        f"sidecar {__version__}, Python {platform.python_version()}, psutil {psutil.__version__}",
        f"{_operating_system()}, {os.cpu_count()} processors",
        f"memory {memory.total / _GIBIBYTE:.1f} GiB, of which {memory.available / _GIBIBYTE:.1f} GiB available",
    ]
    if sys.platform != "win32":
        load = " ".join(f"{value:.2f}" for value in os.getloadavg())
        lines.append(f"load {load}")
    if folder is not None:
        try:
            disk = psutil.disk_usage(str(folder))
        except OSError as error:
            lines.append(f"the free space of {folder} is unknown: {error.strerror}")
        else:
            lines.append(f"disk of {folder}: {disk.free / _GIBIBYTE:.1f} of {disk.total / _GIBIBYTE:.1f} GiB free")
    return lines


def _operating_system() -> str:
    """Without ``platform.platform()``: it runs ``uname -p``, and a child of the sidecar may be taken for the backend's and stopped."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        return f"Windows {version.major}.{version.minor}.{version.build}, {machine()}"
    system = os.uname()
    name = ""
    if sys.platform == "linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
        except OSError:
            pass  # a container without one
    return f"{system.sysname} {system.release} {system.machine}{f', {name}' if name else ''}"


def machine() -> str:
    """The system's processor, e.g. ``AMD64``, ``x86_64``, ``arm64``.

    Not ``platform.machine()``: on Windows it runs ``cmd /c ver``, whose window flashes up.
    """
    if sys.platform == "win32":
        # The first variable is set only where a 32-bit process runs on a 64-bit Windows.
        return (
            _native_machine()
            or os.environ.get("PROCESSOR_ARCHITEW6432")
            or os.environ.get("PROCESSOR_ARCHITECTURE", "")
        )
    return os.uname().machine


def _native_machine() -> str:
    """The processor itself: an x64 program that ARM64 emulates sees only variables of an x64 machine.

    Source: IsWow64Process2, which exists since Windows 10 1511; empty before, and for a processor that is not known here.
    """
    if sys.platform != "win32":
        return ""
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.WinDLL("kernel32")
    try:
        function = kernel32.IsWow64Process2
    except AttributeError:
        return ""
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    function.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.USHORT), ctypes.POINTER(wintypes.USHORT))
    function.restype = wintypes.BOOL
    process, native = wintypes.USHORT(), wintypes.USHORT()
    if not function(kernel32.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native)):
        return ""
    return _NATIVE_MACHINES.get(native.value, "")
