"""For which processor a program was built, from the first bytes of its file. Pure."""

from __future__ import annotations

import struct

# e_machine of ELF (elf.h), Machine of PE (winnt.h), cputype of Mach-O (mach/machine.h), as platform.machine() names them.
_ELF = {0x3E: "x86_64", 0xB7: "aarch64", 0x03: "i686", 0x28: "armv7l", 0xF3: "riscv64"}
_PE = {0x8664: "x86_64", 0xAA64: "aarch64", 0x014C: "i686", 0x01C4: "armv7l"}
_MACH = {0x0100_0007: "x86_64", 0x0100_000C: "aarch64", 0x07: "i686"}
_SAME = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "i686", "x86": "i686"}
# What else a machine runs: 32-bit programs, and Intel ones on Apple silicon and Windows on Arm (emulated).
_RUNS = {"x86_64": {"x86_64", "i686"}, "aarch64": {"aarch64", "armv7l"}}
_EMULATES = {"darwin": {"x86_64"}, "win32": {"x86_64", "i686"}}


def machine_name(name: str) -> str:
    """One name for each processor, from that of any system."""
    return _SAME.get(name.lower(), name.lower())


def built_for(head: bytes) -> tuple[str, set[str]] | None:
    """Format (``elf``, ``pe``, ``mach-o``) and processors; None for a script or anything else."""
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
        if count < 20:  # a Java class file has the same first bytes, and a version here that is higher
            kinds = (struct.unpack_from(">I", head, 8 + 20 * index)[0] for index in range(count))
            return "mach-o", {_MACH.get(kind, "another processor") for kind in kinds}
    return None


def mismatch(head: bytes, platform: str, machine: str) -> str | None:
    """Why a program cannot run on this system (names as Python has them), None where nothing is wrong."""
    built = built_for(head)
    if built is None:
        if platform == "win32":
            return "it is a script, which Windows does not run" if head[:2] == b"#!" else None
        return "it is a program for Windows" if head[:2] == b"MZ" else None
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
