"""Says why a program could not be executed, in words that name the remedy: the errno alone is often misleading."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping

from ..errors import BackendNotAFileError, BackendNotExecutableError, BackendNotFoundError, SidecarError

# The first bytes of programs for other systems.
_FOREIGN = {
    b"MZ": "a Windows program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a macOS program or a Java class",
}
_COMMAND = "backend.command"
_LIMITS = {
    "limits.cpu_nice": (
        "a niceness below 0 needs special rights",
        "Set limits.cpu_nice to 0 or more.",
    ),
    "limits.open_files": (
        "it is above the hard limit of this user",
        "Lower limits.open_files to what 'ulimit -Hn' prints, or raise that (/etc/security/limits.conf, LimitNOFILE=).",
    ),
    "limits.no_new_privileges": (
        "this system does not have it",
        "Set limits.no_new_privileges = false; only Linux has it.",
    ),
}


def explain(step: str, number: int, command: tuple[str, ...], cwd: str, env: Mapping[str, str]) -> SidecarError:
    """The error for a launch that failed.

    Args:
        step: where it failed: ``fork``, ``session``, ``output``, the name of a limit, ``cwd`` or ``exec``.
        number: the errno.
        command: what was to be executed.
        cwd: the folder in which.
        env: the environment whose PATH a bare name was looked up in.
    """
    if step == "cwd":
        return _explain_folder(number, cwd)
    if step in _LIMITS:
        why, hint = _LIMITS[step]
        return BackendNotExecutableError(
            f"The backend could not be given its limit {step}: {why} ({os.strerror(number)})",
            hint=hint,
            data={"path": command[0]},
        )
    if step != "exec":
        return BackendNotExecutableError(
            f"The system could not start a process for the backend ({step}): {os.strerror(number) if number else 'it takes no such arguments'}",
            hint="If the system is short of memory, processes or descriptors, close other programs and try again; a"
            " NUL character in an argument or a value of the environment cannot be passed on.",
            data={"path": command[0]},
        )
    return _explain_exec(number, command, cwd, env)


def _explain_folder(number: int, cwd: str) -> SidecarError:
    data = {"path": cwd}
    if number == errno.ENOENT:
        return BackendNotFoundError(
            f"The backend's working directory does not exist: {cwd}", hint="Create it, or set backend.cwd.", data=data
        )
    if number == errno.ENOTDIR:
        return BackendNotAFileError(
            f"The backend's working directory is no directory: {cwd}", hint="Set backend.cwd to a directory.", data=data
        )
    return BackendNotExecutableError(
        f"The backend's working directory cannot be entered: {cwd}: {os.strerror(number)}",
        hint="Give the user search permission (chmod u+x) on it and on the folders above it, or set backend.cwd.",
        data=data,
    )


def _explain_exec(number: int, command: tuple[str, ...], cwd: str, env: Mapping[str, str]) -> SidecarError:
    name = command[0]
    found = name if os.sep in name else shutil.which(name, os.F_OK, path=env.get("PATH", os.defpath))
    if found is None:
        return BackendNotFoundError(
            f"The backend's program was not found in PATH: {name}",
            hint=f"Install it, or give its whole path in {_COMMAND}.",
            data={"path": name},
        )
    path = os.path.join(cwd, found)  # noqa: PTH118 - a path as the system sees it, not normalised
    data = {"path": path}
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as above
    except PermissionError:
        return BackendNotExecutableError(
            f"The backend's program cannot be reached: {path}: {os.strerror(errno.EACCES)}",
            hint="Give the user search permission (chmod u+x) on the folders above it.",
            data=data,
        )
    except OSError as error:
        return BackendNotFoundError(
            f"The backend's program does not exist: {path}: {error.strerror}",
            hint=f"Build or install it, or correct {_COMMAND}.",
            data=data,
        )
    if not stat.S_ISREG(mode):
        return BackendNotAFileError(
            f"The backend's program is {'a directory' if stat.S_ISDIR(mode) else 'no regular file'}: {path}",
            hint=f"Name the program file itself in {_COMMAND}.",
            data=data,
        )
    message, hint = _explain_file(number, path, mode)
    return BackendNotExecutableError(message, hint=hint, data=data)


def _explain_file(number: int, path: str, mode: int) -> tuple[str, str]:  # noqa: PLR0911 - one return a cause
    """Cause and remedy for a regular file that is there and that execve refused."""
    head = _head(path)
    interpreter = _interpreter(head)
    if number == errno.ENOENT:
        if interpreter:
            return (
                f"The interpreter of the backend's script is missing: {interpreter} (first line of {path})",
                "Install the interpreter, or correct the script's first line (also: no CRLF line ends).",
            )
        return (
            f"The dynamic loader that the backend's program needs is missing: {path}",
            "The program was built for another kind of Linux (musl or glibc, 32 or 64 bit): use the build for this one.",
        )
    if number == errno.ENOEXEC:
        return f"The backend's program is no program for this system: {path} is {_kind(head)}", (
            "Use the build for this system and processor; a script needs a first line such as #!/bin/sh."
        )
    if number == errno.EACCES:
        if not mode & 0o111:
            return f"The backend's program may not be executed: {path} has no run bit", f"Run: chmod u+x '{path}'"
        if interpreter and not os.access(interpreter, os.X_OK):
            return (
                f"The interpreter of the backend's script may not be executed: {interpreter} (first line of {path})",
                "Correct the script's first line, or the interpreter's permissions.",
            )
        return (
            f"The backend's program may not be executed: {path}: {os.strerror(number)}",
            "Give the user run permission (chmod u+x); a file system that is mounted noexec runs no program at all.",
        )
    if number == errno.ETXTBSY:
        return (
            f"The backend's program is being written: {path}",
            "Wait for the update or the build to finish, then start again.",
        )
    if number == errno.E2BIG:
        return (
            f"The backend's arguments and environment are too long for the system: {path}",
            "Shorten backend.command and backend.env.",
        )
    return (
        f"The backend's program could not be executed: {path}: {os.strerror(number)}",
        f"Check the file, and {_COMMAND}.",
    )


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return file.read(256)
    except OSError:
        return b""


def _interpreter(head: bytes) -> str | None:
    if not head.startswith(b"#!"):
        return None
    line = head[2:].split(b"\n", 1)[0].replace(b"\t", b" ").strip(b" ")
    return os.fsdecode(line.split(b" ")[0]).replace("\r", "\\r") or None  # the system takes a CR for part of the name


def _kind(head: bytes) -> str:
    if not head:
        return "empty or unreadable"
    if head.startswith(b"\x7fELF"):
        return "built for another processor"
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            return kind
    return "neither a program nor a script with a #! line"
