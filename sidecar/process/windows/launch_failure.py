"""Says why Windows could not start the backend, in words that name the remedy."""

from __future__ import annotations

from ...errors import BackendNotAFileError, BackendNotExecutableError, BackendNotFoundError, SidecarError

# System error codes: cause, remedy. The system's own text follows the cause, for it is in the user's language.
_CAUSES = {
    5: (
        "access is denied",
        "Give the user read and execute permission on it and its folder; Controlled Folder Access or an antivirus may deny it too.",
    ),
    8: ("the system is out of memory", "Close other programs and try again."),
    32: (
        "another program has the file open",
        "Wait until the update, the build or the antivirus scan is finished, then start again.",
    ),
    193: (
        "it is no program for this Windows",
        "Use the build for this processor (x64 or ARM64); a damaged download must be installed again.",
    ),
    206: (
        "its path or its arguments are too long",
        "Install the app in a folder with a shorter path, or shorten backend.command.",
    ),
    216: ("it was built for another processor", "Use the build for this processor (x64 or ARM64)."),
    225: (
        "an antivirus found a virus or unwanted software in it",
        "Restore it from quarantine and allow it there, or install the app again.",
    ),
    226: (
        "an antivirus found a virus or unwanted software and removed it",
        "Allow it in the antivirus, then install the app again.",
    ),
    267: ("its working directory cannot be used", "Set backend.cwd to a directory that exists."),
    740: (
        "it asks for administrator rights",
        "Turn off 'Run as administrator' in the file's properties, or ship it with requestedExecutionLevel asInvoker.",
    ),
    1260: ("a group policy forbids it", "Ask the administrator of this computer to allow it."),
    1392: ("the file is damaged", "Install the app again."),
    1455: ("the system is out of memory (paging file)", "Close other programs, or enlarge the paging file."),
    4551: ("Smart App Control or App Control blocked it", "Sign the program, or have the administrator allow it."),
    14001: ("its side-by-side configuration is wrong", "Install the Visual C++ runtime that it needs."),
}
_COMMAND = "backend.command"
_BATCH = (".bat", ".cmd")


def missing(path: str, *, bare: bool) -> SidecarError:
    """There is no such program; ``bare``: it was looked for in PATH."""
    if bare:
        return BackendNotFoundError(
            f"The backend's program was not found in PATH: {path}",
            hint=f"Install it, or give its whole path in {_COMMAND}.",
            data={"path": path},
        )
    return BackendNotFoundError(
        f"The backend's program does not exist: {path}",
        hint=f"Build or install it, or correct {_COMMAND}; an antivirus may have put it into quarantine.",
        data={"path": path},
    )


def not_a_file(path: str) -> SidecarError:
    """The path names a folder."""
    return BackendNotAFileError(
        f"The backend's program is a directory: {path}",
        hint=f"Name the program file itself in {_COMMAND}.",
        data={"path": path},
    )


def folder_missing(path: str) -> SidecarError:
    """The working directory does not exist."""
    return BackendNotFoundError(
        f"The backend's working directory does not exist: {path}",
        hint="Create it, or set backend.cwd.",
        data={"path": path},
    )


def folder_not_a_directory(path: str) -> SidecarError:
    """The working directory is a file."""
    return BackendNotAFileError(
        f"The backend's working directory is no directory: {path}",
        hint="Set backend.cwd to a directory.",
        data={"path": path},
    )


def is_batch(path: str) -> bool:
    """Whether Windows would give this to cmd.exe, which reads arguments by rules that cannot be quoted safely."""
    return path.lower().rstrip(". ").endswith(_BATCH)


def batch(path: str) -> SidecarError:
    """Batch files are refused."""
    return BackendNotExecutableError(
        f"The backend's program is a batch file, which only cmd.exe can run: {path}",
        hint=f"Name the program that the batch file starts in {_COMMAND}.",
        data={"path": path},
    )


def refused(path: str, number: int, text: str) -> SidecarError:
    """CreateProcess failed with the system error ``number``, whose words are ``text``."""
    if number in (2, 3):
        return missing(path, bare=False)
    cause, hint = _CAUSES.get(number, ("the system refused", f"Check the file, and {_COMMAND}."))
    return BackendNotExecutableError(
        f"The backend's program could not be started: {path}: {cause} (Windows error {number}: {text})",
        hint=hint,
        data={"path": path},
    )
