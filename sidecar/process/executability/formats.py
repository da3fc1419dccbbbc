"""Whether the system can run a file of this content: a program for it, a script, or a format registered with the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..platform import SYSTEM
from ..platform.machine import machine
from . import interpreter_of, read_start
from .binary import built_for, mismatch

_HANDLERS = Path("/proc/sys/fs/binfmt_misc")
_OTHER_BUILD = "Use the build for this system and processor; a script needs a first line such as #!/bin/sh."
_FIRST_LINE = (
    'If it is a script, give it a first line such as #!/bin/sh, or name its interpreter: backend.command = ["sh", …];'
    " if it is a program, reinstall it."
)


class Unrunnable(NamedTuple):
    """``why`` follows the path of the program."""

    why: str
    remedy: str


def unrunnable(path: Path, head: bytes, system: str = SYSTEM, handlers: Path = _HANDLERS) -> Unrunnable | None:
    """Why the system cannot run the file whose first bytes are ``head``; None where nothing is wrong with its content.

    ``handlers``: where Linux lists the formats that other programs run (binfmt_misc).
    """
    if not head:
        return Unrunnable("it is empty", "Install it again: its file is incomplete.")
    if system == "linux" and _has_handler(path, head, handlers):
        return None
    interpreter = interpreter_of(head) if system != "win32" else ""
    if interpreter:
        start = read_start(Path(interpreter))
        why = mismatch(start, system, machine()) if start else None
        return Unrunnable(f"its interpreter {interpreter} cannot run here: {why}", _OTHER_BUILD) if why else None
    why = mismatch(head, system, machine())
    if why is not None:
        return Unrunnable(why, _OTHER_BUILD)
    if built_for(head) is None:
        return Unrunnable("it is neither a program for this system nor a script with a #! line", _FIRST_LINE)
    return None


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
