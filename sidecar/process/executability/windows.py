"""Why Windows refused to launch the backend, with the remedy."""

import os

from ...errors import BackendNotExecutableError, BackendNotFoundError, SidecarError
from . import read_start

APP_ALIAS = 1920
"""ERROR_CANT_ACCESS_FILE: opening an app execution alias, such as the Microsoft Store's python.exe, fails with it; the alias can be started."""

MAX_BATCH_LINE = 8191
"""Characters of a line that cmd.exe accepts (KB 830473)."""
_COMMAND = "backend.command"
# winerror.h: cause, remedy. The system's own text follows the cause, in the user's language.
_CAUSES = {
    5: ("access is denied", "Give the user read and execute permission on it and its folder; Controlled Folder Access or an antivirus may also deny it."),
    8: ("the system is out of memory", "Close other programs and try again."),
    21: ("its drive is not ready", "Insert or reconnect the drive."),
    32: ("another program has the file open", "Wait until the update, the build or the antivirus scan is finished, then start again."),
    **dict.fromkeys((23, 483, 1117), ("its disk cannot be read", "Check the disk for errors (chkdsk), then reinstall the app.")),
    53: ("its network path was not found", "Connect to the network, or install the app on a local disk."),
    67: ("its network share was not found", "Connect to the network, or install the app on a local disk."),
    **dict.fromkeys((59, 64, 121, 1231, 1311, 1326), ("its network share is not reachable", "Connect to the network, or install the app on a local disk.")),
    1816: ("a limit on this user's or the app's processes is reached", "Close other programs, or ask the administrator to raise the limit."),
    123: ("its name has a character that Windows does not allow", f"Correct {_COMMAND}."),
    193: ("it is not a program for this Windows", "Use the build for this processor (x64 or ARM64); reinstall it if the download is damaged."),
    206: ("its path or its arguments are too long", "Install the app in a folder with a shorter path, or shorten backend.command."),
    216: ("it was built for another processor", "Use the build for this processor (x64 or ARM64)."),
    225: ("an antivirus found a virus or unwanted software in it", "Restore it from quarantine and allow it there, or reinstall the app."),
    226: ("an antivirus found a virus or unwanted software and removed it", "Allow it in the antivirus, then reinstall the app."),
    267: ("its working directory cannot be used", "Set backend.cwd to a directory that exists and whose path is shorter than 259 characters."),
    362: ("the cloud storage that has the file is not running", "Start OneDrive (or the program concerned), and always keep the folder on this device."),
    **dict.fromkeys((389, 395, 426), ("the cloud storage that has the file is not reachable", "Connect to the network, and always keep the folder on this device.")),
    577: ("its signature is missing or invalid, and a policy requires one", "Sign the program, or have the administrator allow it."),
    740: ("it asks for administrator rights", "Turn off 'Run as administrator' in the file's properties, or ship it with requestedExecutionLevel asInvoker."),
    786: ("a group policy forbids it", "Ask the administrator of this computer to allow it."),
    1260: ("a group policy forbids it", "Ask the administrator of this computer to allow it."),
    1314: ("the user may not start it with fewer rights", 'Set sandbox.level to "off", or ask the administrator.'),
    1392: ("the file is damaged", "Reinstall the app."),
    1455: ("the system is out of memory (paging file)", "Close other programs, or enlarge the paging file."),
    1450: ("the system lacks resources", "Close other programs and try again."),
    APP_ALIAS: ("the app to which this alias belongs cannot be started", "Reinstall that app, or turn the alias off (Settings, Apps, App execution aliases)."),
    4551: ("Smart App Control or App Control blocked it", "Sign the program, or have the administrator allow it."),
    **dict.fromkeys((*range(4556, 4560), *range(4580, 4584)), ("Smart App Control blocked it by its reputation", "Sign the program, or have the administrator allow it.")),
    14001: ("its side-by-side configuration is wrong", "Install the Visual C++ runtime that it needs."),
}  # fmt: skip
_HELD = {32, 225, 226}
_NOT_A_PROGRAM = {193, 216}


def obstacle(number: int) -> tuple[str, str] | None:
    """Returns cause and remedy if another program keeps a file from being opened, else None; ``number``: the system error."""
    return _CAUSES[number] if number in _HELD else None


def batch(path: str, *, is_long: bool = False) -> SidecarError:
    """Returns the error for a batch file with a line that cmd.exe would change, or that ``is_long``."""
    fault, remedy = (
        "one of its arguments has a character that cmd.exe would change",
        "Remove %, quotation marks and line breaks from the arguments",
    )
    if "%" in path:
        fault, remedy = "its path has a %, which cmd.exe would change", "Move it to a folder without a % in its path"
    elif is_long:
        fault, remedy = f"its command line exceeds cmd.exe's {MAX_BATCH_LINE} characters", "Shorten the arguments"
    text = f"The backend's program is a batch file, and {fault}: {path}"
    hint = f"{remedy}, or set the program that the batch file starts in {_COMMAND}."
    return BackendNotExecutableError(text, hint=hint, data={"path": path})


def refused(path: str, number: int, text: str) -> SidecarError:
    """Returns the error for a CreateProcess that failed with the system error ``number`` and its ``text``."""
    if number in (2, 3):
        hint = f"Build or install it, or correct {_COMMAND}; an antivirus may have quarantined it."
        return BackendNotFoundError(f"The backend's program does not exist: {path}", hint=hint, data={"path": path})
    cause, hint = _CAUSES.get(number, ("the system refused", f"Check the file, and {_COMMAND}."))
    if number in _NOT_A_PROGRAM and ((head := read_start(path)) or _is_empty(path)):
        from pathlib import Path

        from .formats import unrunnable

        cause, hint, *_ = unrunnable(Path(path), head, "win32") or (cause, hint)
    text = f"The backend's program could not be started: {path}: {cause} (Windows error {number}: {text})"
    return BackendNotExecutableError(text, hint=hint, data={"path": path})


def _is_empty(path: str) -> bool:
    """Whether it is an empty file, such as an interrupted update leaves."""
    try:
        return os.path.getsize(path) == 0  # noqa: PTH202 - importing pathlib takes 6 ms
    except OSError:
        return False


def not_contained(path: str, number: int, text: str) -> SidecarError:
    """Returns the error for a program that cannot be put into a job object, so it could outlive the app."""
    text = f"The backend's program could not be put into a job object: {path} (Windows error {number}: {text})"
    hint = "The program that starts the app limits its windows or clipboard with a job object, in which no other can be nested: start the app outside of it."
    return BackendNotExecutableError(text, hint=hint, data={"path": path})
