"""The first run on Windows, launched before the event loop is there: as every run, in a thread. layer.py adopts it."""

from __future__ import annotations

import _thread
import _winapi
import os
import sys

from ..first_record import check_alone, record_name, write_first
from ..spec import EarlyRun, LaunchSpec
from . import spawn, win32

assert sys.platform == "win32"

# Seconds that the imports wait for the spawn, which takes a few ms: beside them it would wait for the interpreter at each of its
# steps. A virus scanner may hold it up for longer; then they go on.
_HEAD_START = 0.05


class WindowsEarlyRun(EarlyRun):
    """Launched as ``spec`` says."""

    def begin(self, spec: LaunchSpec) -> None:
        """Starts it in a thread."""
        self.spec = spec
        self._started: spawn.Started | None = None
        self._error: BaseException | None = None
        self._finished = _thread.allocate_lock()
        self._finished.acquire()
        _thread.start_new_thread(self._spawn, ())
        if self._finished.acquire(timeout=_HEAD_START):
            self._finished.release()

    def result(self) -> spawn.Started:
        """Waits for it. Raises as spawn.start."""
        with self._finished:
            if self._started is None:
                assert self._error is not None
                raise self._error
            return self._started

    def _spawn(self) -> None:
        try:
            self._started = spawn.start(self.spec)
        except BaseException as error:  # noqa: BLE001 - for result, in another thread
            self._error = error
        finally:
            self._finished.release()


def launch_early(spec: LaunchSpec, folder: str, *, port: int | None, notes: tuple[str, ...]) -> EarlyRun:
    """Writes the record and launches. OSError, UnusualError: that is not plainly possible, and nothing was launched."""
    owner = os.getpid(), win32.lifetime(_winapi.GetCurrentProcess())[0]
    run = WindowsEarlyRun(port, "", notes)
    write_first(folder, world="", owner=owner, marker="", port=port)
    check_alone(folder, record_name(*owner))  # of two that start at once, at least one sees the other
    run.begin(spec)
    return run
