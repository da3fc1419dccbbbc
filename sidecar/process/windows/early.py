"""Launches the first run on Windows before the event loop exists: in a thread, like every run. layer.py adopts it."""

import _thread
import _winapi
import os
import sys

from ..first_record import check_alone, record_name, write_first
from ..spec import EarlyRun, LaunchSpec
from . import spawn, win32

assert sys.platform == "win32"

# Seconds that the imports wait for the spawn, which takes a few ms: in parallel it would wait for the interpreter at each step.
# A virus scanner may delay it for longer; then the imports go on.
_HEAD_START = 0.05


class WindowsEarlyRun(EarlyRun):
    """A run that is launched in a thread."""

    def begin(self, spec: LaunchSpec) -> None:
        self.spec = spec
        self._started: spawn.Started | None = None
        self._error: BaseException | None = None
        self._finished = _thread.allocate_lock()
        self._finished.acquire()
        _thread.start_new_thread(self._spawn, ())
        if self._finished.acquire(timeout=_HEAD_START):
            self._finished.release()

    def result(self) -> spawn.Started:
        """Waits for the launch and returns its result. Raises like spawn.start."""
        with self._finished:
            if self._started is None:
                assert self._error is not None
                raise self._error
            return self._started

    def _spawn(self) -> None:
        try:
            self._started = spawn.start(self.spec)
        except BaseException as error:  # noqa: BLE001 - raised by result, in another thread
            self._error = error
        finally:
            self._finished.release()


def launch_early(spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]) -> EarlyRun:
    """Writes the record and launches the run. OSError, UnusualError: nothing was launched; the layer has to."""
    owner = os.getpid(), win32.lifetime(_winapi.GetCurrentProcess())[0]
    run = WindowsEarlyRun(port, "", notes)
    write_first(folder, pid_namespace="", owner=owner, marker="", port=port)
    check_alone(folder, record_name(*owner))  # of two sidecars that start at once, at least one sees the other
    run.begin(spec)
    return run
