"""Whether the backend's program is executable in its folder, and if not, why and what to do."""

from __future__ import annotations

import os
import stat

from ...errors import BackendNotAFileError, BackendNotExecutableError, BackendNotFoundError, SidecarError
from ..platform import SYSTEM
from ..platform.files import open_regular

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from pathlib import Path  # importing it takes 6 ms

_BOM = b"\xef\xbb\xbf"  # UTF-8's, which Windows editors write
_SHELL_ONLY = {"cd", "export", "source", ".", "exec", "eval", "set", "ulimit", "&&", "||", "|", ";", "&", ">"}
_INTERPRETERS = {
    **dict.fromkeys((".py", ".pyz"), '"python3"'),
    **dict.fromkeys((".js", ".mjs", ".cjs"), '"node"'),
    ".jar": '"java", "-jar"',
    ".dll": '"dotnet"',
    ".rb": '"ruby"',
    ".php": '"php"',
    ".pl": '"perl"',
    ".ps1": '"pwsh"',
}
_MAX_FIRST_LINE = 256  # bytes that Linux reads (BINPRM_BUF_SIZE)

HEAD_BYTES = 4096  # how much of a file is read to detect its format
UNPACK = (
    "Only Electron can read inside an .asar archive. Unpack the backend (electron-builder: extraResources or asarUnpack; "
    "electron-forge: extraResource or asar.unpackDir), and use its path there, as in path.join(process.resourcesPath, …)."
)


def check_program(path: str | Path, system: str = SYSTEM) -> None:
    """Raises the BackendNot… error that explains why a file cannot be run, with path and remedy."""
    data = {"path": str(path)}
    try:
        mode = os.stat(path).st_mode
    except PermissionError as error:
        text = f"The backend's executable is not accessible: {path} ({error.strerror})"
        hint = "Give this user permission to enter each folder on its path."
        raise BackendNotExecutableError(text, hint=hint, data=data) from error
    except OSError as error:
        link = f": {path} is a link to {os.readlink(path)}" if os.path.islink(path) else f": {path}"
        text = f"The backend's executable does not exist{link} ({error.strerror})"
        raise BackendNotFoundError(text, hint="Check the path.", data=data) from error
    if not stat.S_ISREG(mode):
        inside = " On macOS the program of an .app is in Contents/MacOS." if str(path).endswith(".app") else ""
        text = f"The backend's path is {'a folder' if stat.S_ISDIR(mode) else 'not a regular file'}: {path}"
        raise BackendNotAFileError(text, hint=f"Set the path of the program itself.{inside}", data=data)
    if system == "win32":
        return
    if not os.access(path, os.X_OK):
        why, hint = _no_permission(path, mode)
        raise BackendNotExecutableError(f"The backend's file is not executable: {path}{why}", hint=hint, data=data)
    _check_interpreter(path)


def _no_permission(path: str | Path, mode: int) -> tuple[str, str]:
    """Returns what to add to the message, and the remedy, if the system denies execution. The run bit is only one possible reason."""
    if (mount := noexec_mount(path)) is not None:
        hint = f"Move the program to another file system, or remount this one: mount -o remount,exec {mount}"
        return f": it is on {mount}, which is mounted noexec", hint
    if not mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
        if (words := interpreter_for(path)) and not read_start(path).startswith(b"#!"):
            return "", f'Start it with its interpreter: backend.command = [{words}, "{path}", …]'
        return "", f'Run: chmod u+x "{path}"'
    hint = "Run the app as the file's owner, or ask the owner for permission. If that is not the reason, an access control list or a security module (SELinux, AppArmor) denies it."
    return f": its mode is {stat.S_IMODE(mode):04o}, and this user cannot run it", hint


def noexec_mount(path: str | Path) -> str | None:
    """Returns the mount point of the path if it is mounted noexec, else None; only Linux reports that."""
    flag = getattr(os, "ST_NOEXEC", 0)
    try:
        if not flag or not os.statvfs(path).f_flag & flag:  # type: ignore[attr-defined,unused-ignore]  # POSIX only
            return None
    except OSError:
        return None
    folder = os.path.dirname(os.path.realpath(path))
    while not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def not_on_path(name: str, search_path: str, system: str = SYSTEM) -> SidecarError:
    """Returns the error for a name without a folder that is not on PATH."""
    if len(name.split()) > 1:
        return one_string(name, system)
    if _is_assignment(name):
        text = f'The command begins with "{name}", which is a variable, not a program'
        hint = "Move it to backend.env, and start backend.command with the program."
    elif name in _SHELL_ONLY:
        text = f'The command "{name}" is a shell builtin, not a program'
        hint = f'Run the whole command in a shell, as in backend.command = [{_shell(system)}, "cd app && npm start"].'
    else:
        from .installed import REMEDY, installed_at  # needed only here

        text = f'The command "{name}" was not found on PATH'
        hint = f"Install {name}, or set its full path in backend.command. PATH is {search_path or '(empty)'}"
        if system == "win32" and name.startswith("python3"):
            hint = f"Write python or py, as Python's installer for Windows calls it. {hint}"
        if (path := installed_at(name, search_path)) is not None:
            text += f", but it is installed: {path}"
            hint = f"{REMEDY} Set that path in backend.command, or ship the program with the app. PATH is {search_path or '(empty)'}"
    return BackendNotFoundError(text, hint=hint, data={"path": name})


def one_string(name: str, system: str = SYSTEM) -> SidecarError:
    """Returns the error for a whole command given as one word, which would be a program with spaces in its name."""
    import itertools
    import shlex

    try:
        words = shlex.split(name, posix="\\" not in name)
    except ValueError:  # an open quote
        words = name.split()
    variables = list(itertools.takewhile(_is_assignment, words))
    words = words[len(variables) :]
    listed = ", ".join(f'"{word}"' for word in words)
    hint = f"Split it into words: backend.command = [{listed}], or on the command line: -- {' '.join(words)}"
    if variables:
        hint += f"; and put {' '.join(variables)} into backend.env"
    if not _SHELL_ONLY.isdisjoint(words):
        hint = f"Run it in a shell: backend.command = [{_shell(system)}, '{name}']"
    text = f'No program is named "{name}": the whole command is a single word with spaces'
    return BackendNotFoundError(text, hint=hint, data={"path": name})


def _shell(system: str) -> str:
    return '"cmd", "/c"' if system == "win32" else '"sh", "-c"'


def _is_assignment(word: str) -> bool:
    name, sign, _ = word.partition("=")
    return bool(sign) and name.isidentifier()


def restore_run_bit(path: str, system: str = SYSTEM) -> bool:
    """Sets a missing run bit (zip files lose it); returns whether the file became executable."""
    if system == "win32" or os.access(path, os.X_OK):
        return False
    try:
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | stat.S_IXUSR)
    except OSError:
        return False  # check_program explains it
    return os.access(path, os.X_OK)  # False on a file system mounted noexec


def check_folder(path: str) -> None:
    """Raises the BackendNot… error that explains why the backend cannot run in a folder."""
    data = {"path": path}
    try:
        mode = os.stat(path).st_mode
    except PermissionError as denied:
        raise closed_folder(path, denied.strerror) from denied
    except OSError as error:
        text = f"The backend's working folder does not exist: {path}"
        hint = in_asar(path) or "Create it, or change backend.cwd."
        raise BackendNotFoundError(text, hint=hint, data=data) from error
    if not stat.S_ISDIR(mode):
        text = f"The backend's working folder is not a folder: {path}"
        raise BackendNotAFileError(text, hint=in_asar(path) or "Set backend.cwd to a folder.", data=data)


def in_asar(path: str) -> str:
    """Returns the remedy for a path into an Electron archive; empty for any other path."""
    parts = path.replace("\\", "/").split("/")
    return UNPACK if any(part.endswith(".asar") for part in parts) else ""


def closed_folder(path: str, why: str | None) -> SidecarError:
    """Returns the error for a working folder that we may not enter; ``why``: the system's message."""
    text = f"The backend's working folder is not accessible: {path} ({why})"
    hint = "Give this user permission to enter it and each folder on its path, or change backend.cwd."
    return BackendNotExecutableError(text, hint=hint, data={"path": str(path)})


def read_start(path: str | Path) -> bytes:
    """Returns the first bytes of a file; empty if it cannot be read."""
    try:
        # Opening a pipe would wait for a writer.
        with open(open_regular(os.path.realpath(path), linked=True), "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def interpreter_of(start: bytes) -> str:
    """Returns the program that a script's #! line names; empty for anything else."""
    words = start[2:].split(b"\n", 1)[0].split() if start.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""


def is_batch(path: str | Path) -> bool:
    """Whether cmd.exe runs the file. Windows drops dots and blanks at a name's end."""
    return str(path).lower().rstrip(". ").endswith((".bat", ".cmd"))


def interpreter_for(path: str | Path) -> str:
    """Returns the command words that run a file with this extension; empty for any other."""
    return _INTERPRETERS.get(os.path.splitext(path)[1].lower(), "")


def _check_interpreter(path: str | Path) -> None:
    """Raises an error that explains a bad #! line: without its interpreter, a script that exists fails with "No such file"."""
    start = read_start(path)[:_MAX_FIRST_LINE]  # empty if the file may be executed but not read
    interpreter = interpreter_of(start.removeprefix(_BOM))
    if not interpreter:
        return
    if start.startswith(_BOM):
        why = "it starts with a byte order mark, which hides its #! line from the system"
        hint = "Save the file as UTF-8 without byte order mark (BOM), with Unix line ends."
    elif start.split(b"\n", 1)[0].endswith(b"\r"):
        why = f"its first line ends with a carriage return, so {interpreter} is not found"
        hint = f"Convert the file to Unix line ends: sed -i 's/\\r$//' \"{path}\""
    elif not os.path.exists(interpreter):
        why = f"its interpreter {interpreter} does not exist"
        hint = f"Install {interpreter}, or name another interpreter in the first line of the file."
    elif not os.access(interpreter, os.X_OK):
        mount = noexec_mount(interpreter)
        why = f"its interpreter {interpreter} is not executable{f': {mount} is mounted noexec' if mount else ''}"
        hint = "Fix the first line of the file, or the interpreter's permissions."
    else:
        return
    message = f"The backend's file cannot be executed: {path}: {why}"
    raise BackendNotExecutableError(message, hint=hint, data={"path": str(path)})
