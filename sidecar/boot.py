"""The first 15 milliseconds of ``serve``: parses argv, protects stdout, sends hello, and only then imports the rest.

A command line library, asyncio or msgspec would each cost more than everything that happens here.
"""

import os
import sys

from .argv import Boot, parse, refuse_terminal
from .errors import LIMIT_REMEDY, UsageError, is_exhausted
from .process.platform.descriptors import guard_stdio, write_all
from .wire.hello import hello_frame

_MIN_OPEN_FILES = 16  # what a run with one client uses


def serve(argv: list[str]) -> None:
    """Runs ``serve`` and exits the process at its end, without the interpreter's finalization, which takes 30 ms."""
    status = 70
    _speak_utf8()
    try:
        status = _serve(argv)
    except KeyboardInterrupt:
        status = 0  # asked to stop before anything was started
    except Exception as error:  # noqa: BLE001 - a user must never get a bare traceback
        known = _damage() or (f"it cannot start: {error}. {LIMIT_REMEDY}" if is_exhausted(error) else "")
        _say(known or f"internal error while starting: {type(error).__name__}: {error}")
        if not known:
            _log_defect(error)
    finally:
        _flush_stderr()
        os._exit(status)


def _serve(argv: list[str]) -> int:
    try:
        boot = parse(argv)
        refuse_terminal()
    except UsageError as error:
        _say(f"{error.message}. {error.hint}")
        return error.exit_status
    _install_early_signal_handlers(boot)
    _check_limit()
    boot.stdin_fd, boot.stdout_fd = guard_stdio()
    try:
        write_all(boot.stdout_fd, hello_frame(os.getpid(), boot.max_frame, boot.max_in_flight))
    except OSError:
        return 0  # the owner is gone already, and nothing was started
    _put_standard_library_first()
    if sys.platform == "win32":
        from .process.windows.jobs import contain_self

        boot.containment = contain_self()
    from .early import launch

    boot.early = launch(boot)
    if sys.platform != "win32":
        from .process.guardian import fork_guardian

        # While the process is small: a fork copies page tables, and loses threads.
        boot.guardian = fork_guardian() if boot.early is None else boot.early.guardian
    from .deferred import deferred

    with deferred():
        from .app import run
    return run(boot)


def _check_limit() -> None:
    """Raises OSError if so few file descriptors are allowed that a backend could start, but not be monitored or its failures explained."""
    if sys.platform != "win32":
        allowed = os.sysconf("SC_OPEN_MAX")  # -1: unlimited
        if 0 <= allowed < _MIN_OPEN_FILES:
            import errno

            raise OSError(errno.EMFILE, f"the limit on open files is {allowed}, but it needs {_MIN_OPEN_FILES}")


def _install_early_signal_handlers(boot: Boot) -> None:
    """Remembers a termination signal until it can be handled; the default action would kill the sidecar."""

    # Our parent may block or ignore any signal (programs that use Swift or GCD block, nohup ignores), and we would inherit
    # that: SIGTERM would do nothing and SIGCHLD would not arrive. An ignored SIGHUP stays ignored, as nohup(1) intends.
    def remember(_number: int, _frame: object) -> None:
        boot.interrupted = True

    if sys.platform != "win32":
        # The signal module takes 3 ms for its enums; the C module that it wraps has no type stubs.
        import _signal  # type: ignore[import-not-found]

        _signal.signal(_signal.SIGTERM, remember)
        _signal.signal(_signal.SIGINT, remember)
        if _signal.getsignal(_signal.SIGHUP) != _signal.SIG_IGN:
            _signal.signal(_signal.SIGHUP, remember)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _put_standard_library_first() -> None:
    """Puts it before the working folder and PYTHONPATH: no file there can replace a module, and a lookup costs one folder, not three."""
    library = os.path.dirname(getattr(os, "__file__", ""))  # noqa: PTH120 - pathlib is not loaded
    sys.path.sort(key=lambda folder: folder != library)


def _damage() -> str:
    """Returns which files are missing from a packed sidecar's folder; empty if that is not the problem."""
    if getattr(sys, "frozen", False):
        from .frozen import damage

        return damage()
    return ""


def _log_defect(error: Exception) -> None:
    """Logs the traceback; the log skips one that the app has already written."""
    try:
        from .log import log
    except ImportError:
        return  # an incomplete installation; the message already printed names what is missing
    log.defect("the start", error)
    log.close()


def _speak_utf8() -> None:
    """Makes stderr UTF-8, as its reader expects; on Windows a pipe would get the ANSI code page."""
    if sys.platform == "win32" and sys.stderr is not None and not sys.stderr.isatty():
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"sidecar: {text}\n")


def _flush_stderr() -> None:
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except (OSError, ValueError):  # nothing reads it any more
        pass
