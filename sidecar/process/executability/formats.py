"""Whether the system can run a file with this content: a native program, a script, or a format registered with the kernel."""

import struct
from pathlib import Path

from ...core.cause import Cause
from ..platform import SYSTEM
from ..platform.machine import machine
from . import interpreter_for, interpreter_of, is_batch, read_start

_HANDLERS = Path("/proc/sys/fs/binfmt_misc")
_WINDOWS_BUILD = "Use the build for this processor (x64 or ARM64); reinstall it if the download is damaged."
# Files that Windows opens with another program, by extension: what it is, and what to do
_OPENED = {
    ".lnk": Cause("it is a shortcut, not a program", "Set the path of the program that it opens."),
    ".msi": Cause(
        "it is an installer package, not a program", "Install it, and set the path of the installed program."
    ),
}
# By default it runs no scripts (about_Execution_Policies)
_POWERSHELL = '"powershell", "-ExecutionPolicy", "Bypass", "-File"'
_OTHER_BUILD = "Use the build for this system and processor; a script needs a first line such as #!/bin/sh."
_FIRST_LINE = (
    "If it is a script, give it a first line such as #!/bin/sh, or name its interpreter: backend.command = [{words}, …];"
    " if it is a program, reinstall it."
)
# What is there instead of a program, by its first bytes in lower case
_ARCHIVE = Cause("it is an archive, not a program", "Unpack it, and set the path of the program in it.")
_PAGE = Cause("it is a web page, not a program", "Download the program again: the link led to a web page.")
_CONTENTS = {
    b"version https://git-lfs": Cause(
        "it is a Git LFS pointer, not the file itself", "Fetch the file itself: git lfs pull."
    ),
    **dict.fromkeys((b"<!doctype", b"<html", b"<?xml"), _PAGE),
    **dict.fromkeys((b"\x1f\x8b", b"pk\x03\x04", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf", b"(\xb5/\xfd"), _ARCHIVE),
}

# e_machine of ELF (elf.h), Machine of PE (winnt.h), cputype of Mach-O (mach/machine.h), as platform.machine() names them.
_ELF = {0x3E: "x86_64", 0xB7: "aarch64", 0x03: "i686", 0x28: "armv7l", 0xF3: "riscv64"}
_PE = {0x8664: "x86_64", 0xAA64: "aarch64", 0x014C: "i686", 0x01C4: "armv7l"}
_MACH = {0x0100_0007: "x86_64", 0x0100_000C: "aarch64", 0x07: "i686"}
_SAME = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "i686", "x86": "i686"}
# What else a machine runs: 32-bit programs, and emulated Intel programs on Apple silicon and Windows on Arm.
_RUNS = {"x86_64": {"x86_64", "i686"}, "aarch64": {"aarch64", "armv7l"}}
_EMULATES = {"darwin": {"x86_64"}, "win32": {"x86_64", "i686"}}


def unrunnable(path: Path, head: bytes, system: str = SYSTEM, handlers: Path = _HANDLERS) -> Cause | None:
    """Returns why the system cannot run a file that begins with ``head``, to follow the path in a sentence; None: it can. ``handlers``: the folder of binfmt_misc, Linux only."""
    if not head:
        return Cause("it is empty", "Install it again: its file is incomplete.")
    return _on_windows(path, head) if system == "win32" else _on_unix(path, head, system, handlers)


def _on_unix(path: Path, head: bytes, system: str, handlers: Path) -> Cause | None:
    if system == "linux" and _has_handler(path, head, handlers):
        return None
    interpreter = interpreter_of(head)
    if interpreter:
        start = read_start(Path(interpreter))
        why = mismatch(start, system, machine()) if start else None
        return Cause(f"its interpreter {interpreter} cannot run here: {why}", _OTHER_BUILD) if why else None
    why = mismatch(head, system, machine())
    if why is not None:
        return Cause(why, _OTHER_BUILD)
    if built_for(head) is None:
        found = next((cause for start, cause in _CONTENTS.items() if head[:32].lower().startswith(start)), None)
        if found is not None and not interpreter_for(path):
            return found
        remedy = _FIRST_LINE.format(words=interpreter_for(path) or '"sh"')
        return Cause("it is neither a program for this system nor a script with a #! line", remedy)
    return None


def _on_windows(path: Path, head: bytes) -> Cause | None:
    words = interpreter_for(path).replace("python3", "python").replace('"pwsh"', _POWERSHELL)
    if not words and (name := interpreter_of(head)):  # behind env the name is unknown
        words = f'"{name.rpartition("/")[2]}"' if not name.endswith("/env") else '"…"'
    if words:
        remedy = f'Start it with its interpreter: backend.command = [{words}, "{path}", …].'
        return Cause("it is a script or library, not a program", remedy)
    if is_batch(path):
        return None
    if path.suffix.lower() in _OPENED:
        return _OPENED[path.suffix.lower()]
    why = mismatch(head, "win32", machine())
    if why is None and built_for(head) is None:
        why = "it is not a program for Windows"
    return Cause(why, _WINDOWS_BUILD) if why else None


def _has_handler(path: Path, head: bytes, handlers: Path) -> bool:
    """Whether an emulator or loader is registered for it (Documentation/admin-guide/binfmt-misc.rst), such as qemu or Wine."""
    try:
        entries = [one.read_text() for one in handlers.iterdir() if one.name not in {"register", "status"}]
    except (OSError, UnicodeDecodeError):
        return False
    return any(_matches(entry.splitlines(), path, head) for entry in entries)


def _matches(lines: list[str], path: Path, head: bytes) -> bool:
    if "enabled" not in lines:
        return False
    facts = dict(line.split(" ", 1) for line in lines if " " in line)
    if "extension" in facts:
        return path.name.endswith(facts["extension"])
    try:
        magic, offset = bytes.fromhex(facts["magic"]), int(facts["offset"])
        mask = bytes.fromhex(facts["mask"]) if "mask" in facts else b"\xff" * len(magic)
    except (KeyError, ValueError):
        return False
    part = head[offset : offset + len(magic)]
    return len(part) == len(magic) and all((a ^ b) & m == 0 for a, b, m in zip(part, magic, mask, strict=False))


def machine_name(name: str) -> str:
    return _SAME.get(name.lower(), name.lower())


def built_for(head: bytes) -> tuple[str, set[str]] | None:
    """Returns format (``elf``, ``pe``, ``mach-o``) and processors; None for a script or anything else."""
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        order = "<" if head[5] == 1 else ">"
        return "elf", {_ELF.get(struct.unpack_from(f"{order}H", head, 18)[0], "another processor")}
    if head[:2] == b"MZ" and len(head) >= 64:
        offset = struct.unpack_from("<I", head, 60)[0]
        if head[offset : offset + 4] == b"PE\0\0" and len(head) >= offset + 6:
            return "pe", {_PE.get(struct.unpack_from("<H", head, offset + 4)[0], "another processor")}
    if head[:4] in {b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"} and len(head) >= 8:
        return "mach-o", {_MACH.get(struct.unpack_from("<I", head, 4)[0], "another processor")}
    if head[:4] == b"\xca\xfe\xba\xbe" and len(head) >= 8:
        count = struct.unpack_from(">I", head, 4)[0]
        if count < 20:  # a Java class file has the same magic, and a version of 45 or more here
            kinds = (struct.unpack_from(">I", head, 8 + 20 * index)[0] for index in range(count))
            return "mach-o", {_MACH.get(kind, "another processor") for kind in kinds}
    return None


def lacks_console(head: bytes) -> bool:
    """Whether Windows gives a program no console, to which CTRL_C could be sent: IMAGE_SUBSYSTEM_WINDOWS_GUI of winnt.h."""
    built = built_for(head)
    if built is None or built[0] != "pe":
        return False
    start = struct.unpack_from("<I", head, 60)[0] + 24 + 68  # PE signature, COFF header, offset of Subsystem
    return head[start : start + 2] == b"\x02\0"


def missing_bytes(head: bytes, size: int) -> int:
    """Returns how many bytes are missing from an ELF file of that size, whose section table comes last; 0: none, or another format."""
    if head[:4] != b"\x7fELF" or len(head) < 64:
        return 0
    order, is_wide = "<" if head[5] == 1 else ">", head[4] == 2
    (start,) = struct.unpack_from(f"{order}{'Q' if is_wide else 'I'}", head, 40 if is_wide else 32)
    each, count = struct.unpack_from(f"{order}HH", head, 58 if is_wide else 46)
    return max(0, start + each * count - size) if start else 0


def mismatch(head: bytes, platform: str, machine: str) -> str | None:
    """Returns why a program cannot run on this system, None if it can. ``platform``, ``machine``: Python's names."""
    built = built_for(head)
    if built is None:
        return "it is a program for Windows" if head[:2] == b"MZ" and platform != "win32" else None
    kind, processors = built
    wanted = {"linux": "elf", "win32": "pe", "darwin": "mach-o"}.get(platform)
    if wanted and kind != wanted:
        system = {"elf": "Linux", "pe": "Windows", "mach-o": "macOS"}[kind]
        return f"it is a program for {system}"
    here = machine_name(machine)
    possible = _RUNS.get(here, {here}) | (_EMULATES.get(platform, set()) if here == "aarch64" else set())
    if processors & possible:
        return None
    return f"it was built for {' and '.join(sorted(processors))}, this machine is {here}"
