"""What a sidecar writes down, for the one after it: whose backend runs, on which port, and how often it failed.

One file a sidecar, ``run-PID-START.json`` in the data folder, so that two sidecars never write to the same one; and
``last-run.json``, which a clean end and a reclaim leave behind. Every write replaces the file in one step; it is not
synced to disk, since after a power cut no process is left that it could tell about.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from .base import ProcessId
from .identity import identify, world

LAST = "last-run.json"
PREFIX = "run-"
# Access denied, sharing violation, lock violation: what a replacement meets while an antivirus or an indexer holds the file.
_HELD = (5, 32, 33)
_PAUSES = (0.01, 0.015, 0.02, 0.02, 0.02)  # seconds; together less than anybody notices, for the event loop waits


class RunRecord(msgspec.Struct, kw_only=True):
    """The record of one sidecar; processes are (pid, start time).

    Attributes:
        world: where pids and start times are comparable; see identity.world.
        marker: ``NAME=value`` in the environment of all that the sidecar launched; empty: none.
        failures: how many stand against the restart budget.
        logs: name of the folder for the backend's output, which no two sidecars share.
        written: seconds since 1970, to tell the newest record.
    """

    version: int = 1
    world: str
    owner: tuple[int, float]
    guardian: tuple[int, float] | None = None
    backend: tuple[int, float] | None = None
    marker: str = ""
    run: int = 0
    port: int | None = None
    failures: int = 0
    logs: str = "backend"
    written: float = 0.0


class LastRun(msgspec.Struct):
    """What outlives all sidecars of a data folder."""

    port: int | None = None
    failures: int = 0
    written: float = 0.0


class Record:
    """This sidecar's own record."""

    def __init__(
        self, data_folder: Path, report: Callable[[str], None], *, shared: bool = False, logs: str = "backend"
    ) -> None:
        """Nothing is written yet.

        Args:
            data_folder: where; made when it is missing.
            report: told once when the folder cannot be written; supervision goes on without a record.
            logs: name of the folder for the backend's output.
            shared: another sidecar lives on this folder, so its port stays the folder's.
        """
        me = identify(os.getpid()) or ProcessId(os.getpid(), 0.0)
        self._report: Callable[[str], None] | None = report
        self._shared = shared
        self._last = data_folder / LAST
        self._path = data_folder / f"{PREFIX}{me.pid}-{me.started:.0f}.json"
        self.content = RunRecord(world=world(), owner=me, logs=logs)

    def update(self, **changes: Any) -> None:
        """Changes fields of RunRecord, and writes the record when one of them really changed."""
        changed = False
        for name, value in changes.items():
            if getattr(self.content, name) != value:
                setattr(self.content, name, value)
                changed = True
        if changed:
            self.content.written = time.time()
            self._write(self._path, self.content)

    def remove(self) -> None:
        """After a clean end: nothing is left to reclaim, and no failure counts any more; the port is kept."""
        if self.content.port is not None and not self._shared:
            self._write(self._last, LastRun(port=self.content.port, written=time.time()))
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            self._complain(self._path, error)

    def _write(self, path: Path, content: msgspec.Struct) -> None:
        try:
            replace_file(path, msgspec.json.encode(content))
        except OSError as error:
            self._complain(path, error)

    def _complain(self, path: Path, error: OSError) -> None:
        if self._report is not None:
            report, self._report = self._report, None
            report(
                f"The run record {path} cannot be written ({error.strerror}): after a crash of the sidecar and its"
                " guardian in the same instant, a backend that is left over will not be found"
            )


def replace_file(path: Path, data: bytes) -> None:
    """Whoever reads ``path`` sees the old content or the new one, never a part.

    Raises:
        OSError: it could not be written; the old content is untouched.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        try:
            temporary.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
        _replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _replace(source: Path, target: Path, *, platform: str = sys.platform) -> None:
    for pause in _PAUSES if platform == "win32" else ():
        try:
            source.replace(target)
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
            time.sleep(pause)
        else:
            return
    source.replace(target)
