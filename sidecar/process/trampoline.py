"""What the forked child does between fork and execve. It never returns."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the signal module makes enums of all numbers, which takes 1 ms
import errno
import os
import sys

from . import prctl, tree

assert sys.platform != "win32"

TYPE_CHECKING = False  # the typing module is not loaded in the guardian
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

HANGUP_IGNORED = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
"""Whether the sidecar's parent ignored SIGHUP, as nohup(1) does; read before the guardian itself ignores it."""

# nice, open files, no new privileges; None: unchanged
LimitValues = tuple[int | None, int | None, bool]
# command (the program with its path), folder, environment, limits, a sandbox's landlock.Rules and filter (None: no sandbox),
# the variables whose value becomes the pid
Program = tuple[list[bytes], bytes, dict[bytes, bytes], LimitValues, "tuple[Any, bytes] | None", list[bytes]]


def start(program: Program, streams: Sequence[int], stop_signal: int) -> tuple[int, int]:
    """Forks the process that becomes the backend; returns its pid, and the descriptor on which ``run`` reports a failure. On Linux it dies with us. Raises OSError."""
    _import_for(program)
    guardian = os.getpid() if tree.EXACT else None
    status_read, status_write = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(status_read)
        raise
    else:
        if pid == 0:
            keep_hangup = HANGUP_IGNORED and stop_signal != signal.SIGHUP
            run(program, streams, status_write, guardian, keep_hangup=keep_hangup)
    finally:
        os.close(status_write)
    return pid, status_read


def run(
    program: Program, streams: Sequence[int], status_fd: int, guardian: int | None, *, keep_hangup: bool
) -> NoReturn:
    """Becomes the backend. A failure is written to ``status_fd`` as ``step errno``; a successful execve closes it without output.

    ``streams`` become stdin, stdout, stderr and, if there is a fourth, descriptor 3. ``guardian``: the pid that the parent must have,
    None: no parent death signal. ``keep_hangup``: SIGHUP stays ignored.
    """
    argv, cwd, environment, limits, confinement, pid_variables = program
    step = "session"
    try:
        os.setsid()
        if guardian is not None:
            prctl.set_parent_death_signal(int(signal.SIGKILL))
            if os.getppid() != guardian:  # it ended before the signal was armed
                os._exit(1)
        step = "output"
        if status_fd < len(streams):
            status_fd = os.dup(status_fd)  # at least one higher, and not inheritable
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
            os.set_inheritable(number, True)  # dup2 onto itself changes nothing
        environment.update(dict.fromkeys(pid_variables, b"%d" % os.getpid()))
        _default_signals(keep_hangup)
        nice, open_files, no_new_privileges = limits
        step = "limits.cpu_nice"  # a limit's step is named after its setting
        if nice is not None:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        step = "limits.open_files"
        if open_files is not None:
            _limit_open_files(open_files)
        step = "limits.no_new_privileges"
        if no_new_privileges:
            prctl.forbid_new_privileges()
        step = "cwd"
        os.chdir(cwd)
        if confinement is not None:
            step = "sandbox"
            _enter_sandbox(confinement)
        step = "exec"
        os.execve(argv[0], argv, environment)  # noqa: S606 - never through a shell
    except OSError as error:
        os.write(status_fd, f"{step} {error.errno or 0}".encode())
    except BaseException as error:  # noqa: BLE001 - this process must end here whatever happened
        os.write(status_fd, f"{step}:{type(error).__name__} 0".encode())
    finally:
        os._exit(127)


def _import_for(program: Program) -> None:
    """Imports what ``run`` needs here, once: when a later run starts, an update may have removed the program's files."""
    try:
        if program[3][1] is not None:
            import resource  # noqa: F401
        if program[4] is not None:
            import ctypes  # noqa: F401

            from . import landlock  # noqa: F401
    except (ImportError, OSError):  # reported by run, which meets it again
        pass


def _default_signals(keep_hangup: bool) -> None:
    """Resets ignored signals and the mask, which outlive execve: Python ignores SIGPIPE, the guardian what a terminal sends."""
    for number in range(1, signal.NSIG):
        if (keep_hangup and number == signal.SIGHUP) or signal.getsignal(number) == signal.SIG_DFL:
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):  # SIGKILL, SIGSTOP and signals reserved by the C library
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _limit_open_files(wanted: int) -> None:
    import resource

    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise OSError(errno.EPERM, "above the hard limit")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _enter_sandbox(confinement: tuple[Any, bytes]) -> None:
    """Enters the sandbox permanently, with all that this process starts. Rules that handle no right mean a kernel without Landlock."""
    from . import landlock

    rules, system_calls = confinement
    prctl.forbid_new_privileges()
    prctl.drop_capabilities()
    if any(rules[:3]):
        landlock.restrict(rules)
    if system_calls:
        prctl.filter_system_calls(system_calls)
