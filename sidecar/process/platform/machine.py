"""The machine: processor, system release, load, and where the system keeps its files.

Does not use the standard library's ``platform``: it runs ``uname -p`` or ``cmd /c ver``, a child of the sidecar that may be
mistaken for the backend's and stopped, or whose window flashes up.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ... import __version__

if sys.platform == "win32":
    _NATIVE_MACHINES = {0xAA64: "ARM64", 0x8664: "AMD64", 0x014C: "x86"}  # IMAGE_FILE_MACHINE_* of winnt.h

    def machine() -> str:
        # The first variable is set only for a 32-bit process on a 64-bit Windows.
        return (
            _native_machine()
            or os.environ.get("PROCESSOR_ARCHITEW6432")
            or os.environ.get("PROCESSOR_ARCHITECTURE", "")
        )

    def _native_machine() -> str:
        """Returns the real processor: an x64 program that ARM64 emulates sees only the variables of an x64 machine."""
        # Source: IsWow64Process2, available since Windows 10 1511; empty before that, and for an unknown processor.
        import ctypes

        this_process, process, native = ctypes.c_void_p(-1), ctypes.c_ushort(), ctypes.c_ushort()
        try:
            function = ctypes.WinDLL("kernel32").IsWow64Process2
        except AttributeError:
            return ""
        done = function(this_process, ctypes.byref(process), ctypes.byref(native))
        return _NATIVE_MACHINES.get(native.value, "") if done else ""

    def release() -> str:
        version = sys.getwindowsversion()
        return f"{version.major}.{version.minor}.{version.build}"

    def system_name() -> str:
        return f"Windows {release()}, {machine()}"

    def load() -> tuple[float, ...]:
        return ()

    def system_folder() -> str:
        """Returns the folder of Windows' own programs, from Windows itself: whoever sets SYSTEMROOT or PATH must not choose what runs."""
        import ctypes
        from ctypes import wintypes

        buffer = ctypes.create_unicode_buffer(wintypes.MAX_PATH)
        if not 0 < ctypes.WinDLL("kernel32").GetSystemDirectoryW(buffer, len(buffer)) < len(buffer):
            return r"C:\Windows\System32"
        return buffer.value

    def hosts_file() -> str:
        return system_folder() + r"\drivers\etc\hosts"

    def dotnet_folders(environ: Mapping[str, str]) -> tuple[str, ...]:
        folder = environ.get("PROGRAMFILES", r"C:\Program Files") + r"\dotnet"
        return folder, folder + r"\x64"  # the second is for emulated programs on ARM64

else:

    def machine() -> str:
        """Returns the system's processor, e.g. ``AMD64``, ``x86_64``, ``arm64``."""
        return os.uname().machine

    def release() -> str:
        """Returns the version of the system, or of its kernel if that has its own."""
        return os.uname().release

    def system_name() -> str:
        system = os.uname()
        name = ""
        if sys.platform == "linux":
            import platform

            try:
                name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
            except OSError:
                pass  # a container without os-release
        return f"{system.sysname} {system.release} {system.machine}{f', {name}' if name else ''}"

    def load() -> tuple[float, ...]:
        """Load averages of 1, 5 and 15 minutes; none on Windows."""
        return os.getloadavg()

    def system_folder() -> str:
        """Returns a placeholder, for plans that are made on other systems: nothing runs from there."""
        return r"C:\Windows\System32"

    def hosts_file() -> str:
        return "/etc/hosts"

    def dotnet_folders(environ: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ARG001 - as above
        return "/usr/share/dotnet", "/usr/lib/dotnet", "/usr/local/share/dotnet", "/usr/lib64/dotnet"


_GIBIBYTE = 1024**3


def describe_system(folder: Path | None = None) -> list[str]:
    """Returns one fact per line; ``folder``: report the free space of its disk. May block on that disk, so do not call it on the loop."""
    try:
        import psutil
    except ImportError as error:  # a report is written nevertheless
        return [f"sidecar {__version__}, {system_name()}; a file of the sidecar is missing: {error}"]
    memory = psutil.virtual_memory()
    lines = [
        f"sidecar {__version__}, Python {sys.version.split()[0]}, psutil {psutil.__version__}",
        f"{system_name()}, {os.cpu_count()} processors",
        f"memory {memory.total / _GIBIBYTE:.1f} GiB, of which {memory.available / _GIBIBYTE:.1f} GiB available",
    ]
    if averages := load():
        lines.append("load " + " ".join(f"{value:.2f}" for value in averages))
    if folder is not None:
        try:
            disk = psutil.disk_usage(str(folder))
        except OSError as error:
            lines.append(f"the free space of {folder} is unknown: {error.strerror}")
        else:
            lines.append(f"disk of {folder}: {disk.free / _GIBIBYTE:.1f} of {disk.total / _GIBIBYTE:.1f} GiB free")
    return lines
