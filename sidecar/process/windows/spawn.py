"""Starts the backend suspended, puts it into its job, then resumes it, so that nothing it does can escape the job.

Runs in a thread: a virus scanner may delay CreateProcess for seconds. The first run is launched before the slow imports
(early.py), so this module avoids them too: subprocess and typing would take longer than the launch.
"""

from __future__ import annotations

import _winapi
import msvcrt
import ntpath
import os
import sys
import time

from ...errors import SidecarError
from ...fields import Fields
from ..executability import is_batch
from ..executability import windows as refusal
from . import jobs, win32
from .command_line import batch_line, command_line

assert sys.platform == "win32"

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..spec import LaunchSpec

CREATE_SUSPENDED = 0x0000_0004
CREATE_UNICODE_ENVIRONMENT = 0x0000_0400
# No console window flashes up, and the backend gets its own hidden console, to which the graceful stop attaches.
# No CREATE_NEW_PROCESS_GROUP: such a group starts with CTRL_C ignored.
# No CREATE_DEFAULT_ERROR_MODE: the backend should inherit the mode that contain_self set.
_FLAGS = CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | _winapi.CREATE_NO_WINDOW
_PIPE_SIZE = 65536
_ERROR_SHARING_VIOLATION = 32
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds, for an antivirus or an installer to close a new program
_EXTENDED = "\\\\?\\"
_MAX_PATH = 259  # MAX_PATH without its final zero
_MAX_FOLDER = 258  # SetCurrentDirectory: MAX_PATH without the final backslash and zero


class Started(Fields):
    """A running backend. The caller closes the handles."""

    pid: int
    created: float  # as in base.ProcessId
    process: int
    job: jobs.Job
    stdin: int  # 0 where not open
    stdout: int
    stderr: int


class _StartupInfo:
    """The part of subprocess.STARTUPINFO that _winapi.CreateProcess reads."""

    dwFlags = _winapi.STARTF_USESTDHANDLES  # noqa: N815 - the names of STARTUPINFOW
    wShowWindow = 0  # noqa: N815

    def __init__(self, streams: list[int], inherited: list[int]) -> None:
        self.hStdInput, self.hStdOutput, self.hStdError = streams
        self.lpAttributeList = {"handle_list": inherited}


def start(spec: LaunchSpec, report: Callable[[str], None] = lambda _text: None) -> Started:
    """Starts the backend; ``report`` gets a sentence about each folder that its sandbox cannot allow. Raises BackendNot… errors, OSError."""
    program = spec.command[0]
    folder = spec.cwd if len(spec.cwd) <= _MAX_FOLDER else _short_form(spec.cwd).removeprefix(_EXTENDED)
    if spec.confinement is not None:
        from . import confined

        for path in spec.confinement.rules:
            try:
                confined.label(path)
            except OSError as error:
                report(f"The sandbox could not give the backend write access to {path}: {error}")
    job = jobs.Job()
    handles: list[int] = []  # the read and the write end of each pipe
    try:
        for _stream in range(3 if spec.stdin == "open" else 2):
            handles += _winapi.CreatePipe(None, _PIPE_SIZE)
        stdout, stdout_end, stderr, stderr_end, *rest = handles
        stdin_end, stdin = rest or (0, 0)
        process, thread, pid = _create(program, spec, folder, [stdin_end, stdout_end, stderr_end])
        try:
            try:
                job.assign(process)
            except OSError as error:
                raise refusal.not_contained(program, error.winerror or 0, error.strerror or "") from error
            created = win32.lifetime(process)[0]
            if spec.nice is not None:
                win32.SetPriorityClass(process, _priority(spec.nice))
            win32.ResumeThread(thread)
        except (OSError, SidecarError):
            _winapi.TerminateProcess(process, 1)
            _winapi.CloseHandle(process)
            raise
        finally:
            _winapi.CloseHandle(thread)
    except BaseException:
        for handle in handles:
            _winapi.CloseHandle(handle)
        job.close()
        raise
    for handle in filter(None, (stdin_end, stdout_end, stderr_end)):
        _winapi.CloseHandle(handle)
    return Started(pid, created, process, job, stdin, stdout, stderr)


def _short_form(path: str) -> str:
    """Returns a long path in 8.3 names, extended; unchanged but extended on a volume without 8.3 names. Wine needs it: it stops at MAX_PATH."""
    import ctypes

    buffer = ctypes.create_unicode_buffer(32768)
    win32.GetShortPathName(_extended(path), buffer, len(buffer))
    return buffer.value or _extended(path)


def _image_and_line(program: str, arguments: tuple[str, ...]) -> tuple[str, str]:
    """Returns program and command line for CreateProcess, which would run a batch file without quoting for cmd.exe."""
    short = program if len(program) <= _MAX_PATH else _short_form(program)
    if not is_batch(program):
        return short, command_line([program, *arguments])
    from ..platform.machine import system_folder

    line = batch_line([_unextended(short), *arguments])
    if line is None or len(line) > refusal.MAX_BATCH_LINE:
        raise refusal.batch(program, is_long=line is not None)
    return rf"{system_folder()}\cmd.exe", line


def _extended(path: str) -> str:
    """Converts a path longer than MAX_PATH to the form without that limit, which allows no dots and no slashes."""
    if len(path) <= _MAX_PATH or path.startswith(_EXTENDED):
        return path
    path = ntpath.abspath(path)
    return f"{_EXTENDED}UNC{path[1:]}" if path.startswith("\\\\") else _EXTENDED + path


def _unextended(path: str) -> str:
    """Converts a path back, because cmd.exe does not know the extended form."""
    return path.replace(_EXTENDED + "UNC", "\\", 1).removeprefix(_EXTENDED)


def _create(program: str, spec: LaunchSpec, folder: str, streams: list[int]) -> tuple[int, int, int]:
    """Creates the process, which inherits only its streams (0: empty) and the passed socket; returns handle, thread handle, pid."""
    null = os.open(os.devnull, os.O_RDONLY)
    passed = [spec.socket] if spec.socket >= 0 else []
    try:
        inherited = [stream or msvcrt.get_osfhandle(null) for stream in streams] + passed
        for handle in inherited:
            os.set_handle_inheritable(handle, True)
        image, line = _image_and_line(program, spec.command[1:])
        for pause in _PAUSES:
            try:
                return _create_once(image, line, spec, folder, inherited)
            except OSError as error:
                if error.winerror != _ERROR_SHARING_VIOLATION:
                    raise
                time.sleep(pause)
        return _create_once(image, line, spec, folder, inherited)
    except OSError as error:
        raise refusal.refused(program, error.winerror or 0, error.strerror or "") from error
    finally:
        for handle in passed:
            os.set_handle_inheritable(handle, False)
        os.close(null)


def _create_once(image: str, line: str, spec: LaunchSpec, folder: str, inherited: list[int]) -> tuple[int, int, int]:
    """``inherited``: the three streams, then others."""
    if spec.confinement is not None:
        from . import confined

        return confined.create(image, line, spec, folder, _FLAGS, inherited=inherited)
    startup: Any = _StartupInfo(inherited[:3], inherited)
    return _winapi.CreateProcess(image, line, None, None, True, _FLAGS, spec.env, folder, startup)[:3]


def _priority(nice: int) -> int:
    if nice < 0:
        return _winapi.ABOVE_NORMAL_PRIORITY_CLASS
    return _winapi.BELOW_NORMAL_PRIORITY_CLASS if nice < 10 else _winapi.IDLE_PRIORITY_CLASS


def discard(started: Started) -> None:
    started.job.terminate()
    started.job.close()
    for handle in filter(None, (started.process, started.stdout, started.stderr, started.stdin)):
        _winapi.CloseHandle(handle)
