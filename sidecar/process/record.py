"""What a sidecar records for the next one: whose backend runs, on which port, and how often it failed.

Each sidecar has its own ``sidecar-run-PID-START.json`` in the data folder; a clean end and a reclaim write ``sidecar-last-run.json``. A write
replaces the file atomically, without a sync: after a power cut no process is left that the record could describe.
"""

import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Annotated, Any

import msgspec

from ..threads import start_thread
from .first_record import LAST, MARKER, record_name
from .identity import own_identity, pid_namespace
from .platform.files import remove_file, replace_file

# The valid values of a record. Anyone who can write to the folder can write one; a value out of range is not a sidecar's.
_Pid = Annotated[int, msgspec.Meta(gt=1, le=2**31 - 1)]
_Time = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
_Process = tuple[_Pid, _Time]
# The sidecar may be the first process of a container.
_Owner = tuple[Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)], _Time]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Namespace = Annotated[str, msgspec.Meta(max_length=200)]
_Name = Annotated[str, msgspec.Meta(max_length=40)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]

_WRITE_TIMEOUT = 0.2  # seconds; a write takes up to 2 ms


class RunRecord(msgspec.Struct, kw_only=True):
    """The record of one sidecar; processes are (pid, start time)."""

    pid_namespace: _Namespace  # see identity.pid_namespace
    owner: _Owner
    guardian: _Process | None = None
    backend: _Process | None = None
    marker: _Name = ""  # NAME=value in the environment of all that the sidecar launched; empty: none
    port: _Port | None = None
    failures: _Count = 0  # counted against the restart budget
    # The folder for the backend's output, which no two sidecars share; empty: not chosen yet.
    logs: _Name = "backend"
    written: _Time = 0.0  # seconds since 1970
    ending: _Seconds = 0.0  # seconds that the end of the sidecar may take; 0: it is not ending

    def __post_init__(self) -> None:
        # No patterns: the re module is not imported before the first answer.
        name, _, value = self.marker.partition("=")
        if self.marker and (name != MARKER or len(value) != 24 or value.strip("0123456789abcdef")):
            raise ValueError("invalid marker")
        word, dash, number = self.logs.partition("-")
        if (self.logs and word != "backend") or bool(dash) != (
            number.isascii() and number.isdigit() and len(number) < 10
        ):
            raise ValueError("invalid logs")


class LastRun(msgspec.Struct):
    """The state that outlives all sidecars of a data folder."""

    port: _Port | None = None
    failures: _Count = 0
    written: _Time = 0.0


class Record:
    """This sidecar's own record. ``keeps_port``: its port becomes the folder's; False if that is another sidecar's; may change until run 1."""

    def __init__(
        self,
        data_folder: str | os.PathLike[str],
        report: Callable[[str], None],
        *,
        keeps_port: bool = True,
        logs: str = "backend",
        written: float = 0.0,
    ) -> None:
        """``report`` is called once if the folder cannot be written; ``written``: when an early run's record was."""
        self.keeps_port = keeps_port
        me = own_identity()
        self._report: Callable[[str], None] | None = report
        self._removed = False
        # Jobs of a separate thread, because the disk may hang: what to write (None: remove the record), and the event to set then.
        self._jobs: SimpleQueue[tuple[bytes | None, threading.Event]] = SimpleQueue()
        self._newest = threading.Event()  # the newest job's
        self._newest.set()
        self._has_writer = False
        self._last = os.path.join(data_folder, LAST)
        self._path = os.path.join(data_folder, record_name(*me))
        self.content = RunRecord(pid_namespace=pid_namespace(), owner=me, logs=logs, written=written)

    def update(self, **changes: Any) -> None:
        """Writes the record the first time, and whenever a field really changes; waits only briefly for a disk that hangs."""
        if self._change(changes) and not self._removed:
            self._hand_over(msgspec.json.encode(self.content), _WRITE_TIMEOUT if self._newest.is_set() else 0.0)

    def remove(self) -> None:
        """Removes the record after a clean end: nothing is left to reclaim, no failure counts any more, the port is kept. Nothing is written later."""
        self._removed = True
        self._hand_over(None, None)

    def _change(self, changes: dict[str, Any]) -> bool:
        changed = not self.content.written
        for name, value in changes.items():
            if getattr(self.content, name) != value:
                setattr(self.content, name, value)
                changed = True
        if changed:
            self.content.written = time.time()
        return changed

    def _hand_over(self, content: bytes | None, timeout: float | None) -> None:
        """Queues the content and waits until it is written; ``timeout``: at most so many seconds, None: no limit."""
        self._newest = done = threading.Event()
        self._jobs.put((content, done))
        if not self._has_writer:
            try:
                start_thread(self._run)
            except RuntimeError:  # the system is out of processes
                self._take()
                return
            self._has_writer = True
        done.wait(timeout)

    def _run(self) -> None:
        while self._take():
            pass

    def _take(self) -> bool:
        """Does the next job, of several contents only the newest; False: it was the removal."""
        content, done = self._jobs.get()
        while content is not None and not self._jobs.empty():
            done.set()
            content, done = self._jobs.get()
        if content is not None:
            self._write(self._path, content)
        else:
            self._remove()
        done.set()
        return content is not None

    def _remove(self) -> None:
        if self.content.port is not None and self.keeps_port:
            self._write(self._last, msgspec.json.encode(LastRun(port=self.content.port, written=time.time())))
        try:
            remove_file(self._path)
        except OSError as error:
            self._complain(self._path, error)

    def _write(self, path: str, content: bytes) -> None:
        try:
            replace_file(path, content)
        except OSError as error:
            self._complain(path, error)

    def _complain(self, path: str, error: OSError) -> None:
        if self._report is not None:
            report, self._report = self._report, None
            report(
                f"The run record {path} cannot be written ({error.strerror}): if the sidecar and its guardian are killed"
                " at once, a leftover backend will not be found"
            )
