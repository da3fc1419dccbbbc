"""Why a POSIX system refused to launch the backend, and the remedy: the errno alone is often misleading."""

import errno
import os
from pathlib import Path

from ... import errors
from ..spec import LaunchSpec
from . import check_folder, check_program, closed_folder, read_start
from .formats import unrunnable

# A limit that could not be set → cause, remedy
_LIMITS = {
    "limits.cpu_nice": ("a niceness below 0 needs special privileges", "Set limits.cpu_nice to 0 or more."),
    "limits.open_files": ("it is above the hard limit of this user", "Lower limits.open_files to what 'ulimit -Hn' prints, or raise that (/etc/security/limits.conf, LimitNOFILE=)."),
    "limits.no_new_privileges": ("this system does not have it", "Set limits.no_new_privileges = false; only Linux has it."),
}  # fmt: skip
_SANDBOX_REFUSED = 'The sidecar itself may run in a sandbox or container that denies it. To run without a sandbox, set sandbox.level = "off".'
# execve's errno for a file that looks fine → cause, remedy
_REFUSALS = {
    errno.ENOENT: ("The dynamic loader that the backend's program needs is missing: {path}", "The program was built for another Linux variant (musl or glibc, 32 or 64 bit): use the build for this one."),
    errno.EACCES: ("The backend's program is not executable: {path}: {why}, although its mode allows it", "Look for a security module (SELinux, AppArmor) that denies it, or a dynamic loader that cannot be executed: permission denied."),
    errno.ETXTBSY: ("The backend's program is being written: {path}", "Wait for the update or the build to finish, then start again."),
    errno.E2BIG: ("The backend's arguments and environment are too long for the system: {path}", "Shorten backend.command and backend.env."),
}  # fmt: skip
_REFUSED = ("The backend's program could not be executed: {path}: {why}", "Check the file, and backend.command.")


def explain(step: str, number: int, spec: LaunchSpec) -> errors.SidecarError:
    """Returns the error for errno ``number`` at a ``step`` of the launch: fork, session, output, a limit's name, cwd, sandbox or exec."""
    if errors.is_exhausted(OSError(number, "")):  # it may succeed later, so the file is not the cause
        why = f"The system could not start a process for the backend ({step}): {os.strerror(number)}"
        return errors.InternalError(why, hint=errors.LIMIT_REMEDY)
    if step == "cwd":
        return _explain_folder(number, spec.cwd)
    if step == "sandbox":
        why = f"The kernel refused the backend's sandbox: {os.strerror(number)}"
        return errors.SandboxUnavailableError(why, hint=_SANDBOX_REFUSED, data={"level": "", "missing": []})
    if step == "exec":
        return _explain_exec(number, spec)
    if step in _LIMITS:
        why, hint = _LIMITS[step]
        why = f"The limit {step} could not be set for the backend: {why} ({os.strerror(number)})"
    else:
        cause = os.strerror(number) if number else "it rejected the arguments"
        why = f"The system could not start a process for the backend ({step}): {cause}"
        hint = "A NUL character in an argument or a value of the environment cannot be passed on."
    return errors.BackendNotExecutableError(why, hint=hint, data={"path": spec.command[0]})


def _explain_folder(number: int, folder: str) -> errors.SidecarError:
    try:
        check_folder(folder)
    except errors.SidecarError as error:
        return error
    return closed_folder(folder, os.strerror(number))


def _explain_exec(number: int, spec: LaunchSpec) -> errors.SidecarError:
    path = Path(spec.cwd, spec.command[0])
    try:
        check_program(path)
    except errors.SidecarError as error:
        return error
    if number == errno.ENOEXEC:
        found = unrunnable(path, read_start(path))
        why, hint, *_ = found or ("the system does not know its format", "Use the build for this system and processor.")
        message = f"The backend's program cannot run on this system: {path}: {why}"
    else:
        message, hint = _REFUSALS.get(number, _REFUSED)
        message = message.format(path=path, why=os.strerror(number))
    request = spec.confinement.request if spec.confinement is not None else None
    if number == errno.EACCES and request is not None and request.level == "strict":
        hint = "The program, its interpreter or its dynamic loader is outside the folders that the sandbox lets the backend read: add its folder to sandbox.read."
    return errors.BackendNotExecutableError(message, hint=hint, data={"path": str(path)})
