"""What a start does about the sidecars before it: ends the orphans that are proven to be theirs, and takes over the rest.

Proven is what was started with the marker in the record of an owner that is gone, and everything below. The record counts only
as this user's file in a folder that no other can write to, and a process in it is left alone if its environment has no marker.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from .base import ProcessId
from .first_record import LAST, MAX_BYTES, PREFIX, is_marker_of, record_name, write_first
from .identity import identify, is_alive, own_identity, pid_namespace
from .platform.files import distrust, read_file, remove_file, replace_file
from .record import LastRun, RunRecord

TOOL = "tool-"
"""How the name of a record begins that a tool of the command line leaves while it works on a folder."""
_T = TypeVar("_T")
_CLOCK_STEP = 86_400.0  # seconds; what was written later than that from now on says nothing about its age
_KILL_SECONDS = 2.0  # a start waits no longer for orphans that will not die
_MAX_RECORDS = 32  # that are read; more are the work of a program that wants to hold up each start
_GUARDIAN_SECONDS = 1.0  # that a guardian whose sidecar was killed gives the backend to end


class Predecessor(Struct, frozen=True):
    """A sidecar, or the guardian of one that was killed, that is ending; its record, and the seconds that this may take."""

    owner: ProcessId
    record: str
    seconds: float

    @property
    def is_there(self) -> bool:
        """Whether it has not ended yet."""
        return os.path.lexists(self.record) and is_alive(self.owner)


class Reclaimed(Struct, frozen=True):
    """What was found."""

    last_port: int | None  # the port of the last run on this data folder
    failures: int  # how many stood against the restart budget when the last sidecar was killed; 0 after a clean end
    age: float  # seconds since that was written
    logs: str  # name of the folder for the backend's output, which none of those that live uses
    notes: list[str]  # sentences for the log, on leftovers and on what kept them from being cleared away
    neighbours: list[str]  # such sentences, one for each other sidecar that lives on this folder
    killed: list[ProcessId]
    ending: tuple[Predecessor, ...] = ()  # sidecars that are about to leave this folder; they are not neighbours
    younger: int = 0  # neighbours that leave port and logs of the folder to this sidecar

    @property
    def shared(self) -> bool:
        """Whether another sidecar lives on this folder."""
        return bool(self.neighbours)

    @property
    def keeps_port(self) -> bool:
        """Whether the port of the folder is this sidecar's."""
        return self.younger == len(self.neighbours)


def announce_self(data_folder: str | os.PathLike[str]) -> None:
    """Writes a first record before the others are read, unless an early start did: of two that start at once, at least one sees the other."""
    me, folder = own_identity(), os.fspath(data_folder)
    try:
        if not os.path.exists(os.path.join(folder, record_name(*me))):
            write_first(folder, world=pid_namespace(), owner=me, marker="", port=None)
    except OSError:  # reported with the record that follows; no folder: there are no others
        pass


class Reclaim:
    """One look at a data folder."""

    def __init__(
        self, data_folder: str | os.PathLike[str], *, max_ending: float = math.inf, sandboxed: bool = False
    ) -> None:
        """``max_ending``: seconds that the end of another sidecar is waited for at most, whatever its record says.

        ``sandboxed``: the backend, which may write records but not end processes: what shows no marker is not ended at its word.
        """
        self._sandboxed = sandboxed
        self._max_ending = max_ending
        self._folder = os.fspath(data_folder)
        self._owners: set[ProcessId] | None = None
        self._notes: list[str] = []
        self._killed: list[ProcessId] = []
        self._world = pid_namespace()
        self._me = own_identity()

    def read(self, *, wait: bool = True) -> Reclaimed:
        """Ends proven orphans, and gives what the next run should know. Never raises for what it finds.

        ``wait``: for sidecars that are ending; else they are neighbours. A second look on the same object leaves out the sidecars that
        came after the first: it is they who share the folder with this one.
        """
        self._notes, self._killed = [], []
        owners: set[ProcessId] = set()
        ending: list[Predecessor] = []
        why = distrust(self._folder)
        if why is not None:
            self._notes.append(
                f"The data folder {self._folder} cannot be trusted: {why}. Processes left by an earlier sidecar are not ended. Restrict the folder to your user (chmod 700)"
            )
        dead: dict[str, RunRecord] = {}
        taken: list[str] = []
        neighbours: list[str] = []
        for path, record in self._others():
            if self._is_elsewhere(record):
                self._notes.append(f"The run record {path} comes from another container, so it may not apply here")
            elif self._is_alive(record, record.owner):
                owner = ProcessId(*record.owner)
                owners.add(owner)
                if self._owners is not None and owner not in self._owners:
                    continue
                if wait and record.ending:
                    ending.append(Predecessor(owner, path, min(record.ending, self._max_ending)))
                    continue
                taken.append("" if self._comes_later(record) else record.logs or "backend")
                neighbours.append(f"Another sidecar (pid {record.owner[0]}) uses the data folder {self._folder}")
            elif wait and record.guardian is not None and self._is_alive(record, record.guardian):
                ending.append(Predecessor(ProcessId(*record.guardian), path, _GUARDIAN_SECONDS))
            else:
                dead[path] = record
        self._owners = owners if self._owners is None else self._owners
        last = self._load(os.path.join(self._folder, LAST), LastRun) or LastRun()
        for record in dead.values():
            if why is None:
                self._end_orphans(record)
            if record.written >= last.written and record.port is not None:
                last = LastRun(record.port, record.failures, record.written)
        if dead and why is None:
            self._bury(dead, last)
        return Reclaimed(
            last.port,
            last.failures,
            max(0.0, time.time() - last.written) if last.written <= time.time() + _CLOCK_STEP else math.inf,
            _free_name(taken),
            self._notes,
            neighbours,
            self._killed,
            tuple(ending),
            taken.count(""),
        )

    def living(self) -> dict[int, int | None]:
        """The other sidecars that work on the folder now: pid of each → pid of its backend, where it has one. Ends nothing."""
        records = [record for _, record in self._others() if self._is_alive(record, record.owner)]
        return {record.owner[0]: record.backend[0] if record.backend else None for record in records}

    def in_use(self) -> bool:
        """Whether a tool, a sidecar or its guardian works on the folder, or may do so in another container. Ends nothing."""
        return any(
            self._is_elsewhere(record)
            or self._is_alive(record, record.owner)
            or self._is_alive(record, record.guardian)
            for _, record in (*self._others(), *self._others(TOOL))
        )

    def _others(self, prefix: str = PREFIX) -> Iterator[tuple[str, RunRecord]]:
        try:
            names = sorted(one for one in os.listdir(self._folder) if one.startswith(prefix) and one.endswith(".json"))
        except FileNotFoundError:
            return
        except OSError as error:
            names = []
            self._notes.append(f"The data folder {self._folder} cannot be read: {error.strerror}")
        paths = [os.path.join(self._folder, name) for name in names]
        if len(paths) > _MAX_RECORDS:
            paths = sorted(paths, key=_changed)[-_MAX_RECORDS:]
            self._notes.append(
                f"The data folder {self._folder} has {len(names)} run records; only the newest {_MAX_RECORDS} are read"
            )
        for path in paths:
            record = self._load(path, RunRecord)
            if record is not None and record.owner != self._me:
                yield path, record

    def _load(self, path: str, kind: type[_T]) -> _T | None:
        """None for a record that another sidecar has just taken away, and for a damaged one, which is set aside."""
        why = distrust(path)
        if why is not None:
            self._notes.append(f"The run record {path} is ignored: {why}")
            return None
        try:
            return msgspec.json.decode(read_file(path, MAX_BYTES), type=kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._notes.append(f"The run record {path} cannot be read: {error.strerror}")
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            aside = f"{path}.corrupt"
            self._notes.append(
                f"The run record {path} is damaged ({error}); it was set aside as {os.path.basename(aside)}"
            )
            try:
                os.replace(path, aside)
            except OSError:  # a read-only folder: it is reported at every start
                pass
        return None

    def _is_elsewhere(self, record: RunRecord) -> bool:
        """On this machine, since its boot, in a container that numbers its processes for itself."""
        boot, _, namespace = self._world.partition("/")
        its_boot, _, its_namespace = record.world.partition("/")
        return boot == its_boot and namespace != its_namespace

    def _is_alive(self, record: RunRecord, process: tuple[int, float] | None) -> bool:
        return process is not None and record.world == self._world and is_alive(ProcessId(*process))

    def _comes_later(self, record: RunRecord) -> bool:
        """Whether it announced itself after this sidecar, and has yet to choose its logs: it will see the record of this one."""
        if record.logs:
            return False
        mine = self._load(os.path.join(self._folder, record_name(*self._me)), RunRecord)
        return mine is not None and (record.written, record.owner) > (mine.written, self._me)

    def _end_orphans(self, record: RunRecord) -> None:
        if record.world != self._world:
            return  # the machine was restarted since: none of it is left
        if sys.platform != "win32" and record.marker:  # on Windows the job object has ended everything with the sidecar
            if not is_marker_of(self._folder, record.marker):
                self._notes.append(
                    f"A run record in {self._folder} belongs to another data folder or an older version of the sidecar: the processes that it names were not ended"
                )
                return
            from .orphans import end_orphans

            killed, survivors = end_orphans(self._roots(record), record.marker, _KILL_SECONDS)
            self._killed += killed
            if killed:
                pids = ", ".join(str(process.pid) for process in killed)
                self._notes.append(f"The previous sidecar left processes behind; they were ended: {pids}")
            if survivors:
                names = ", ".join(f"{survivor.name} (pid {survivor.pid})" for survivor in survivors)
                self._notes.append(f"Processes of an earlier backend could not be ended: {names}")

    def _roots(self, record: RunRecord) -> list[ProcessId]:
        """The backend, where it is the one that the record names."""
        if record.backend is None or self._sandboxed:
            return []  # what has the marker is found without it
        try:
            found = identify(record.backend[0])
        except OSError:  # no descriptor is left: the marker alone proves what is ours
            return []
        if found is None or found == record.backend:
            return [found] if found is not None else []
        self._notes.append(
            f"Process {found.pid} has the pid of an earlier backend but another start time, so it was not killed"
        )
        return []

    def _bury(self, dead: Iterable[str], last: LastRun) -> None:
        """The carried-over state is written before the records are removed: a start killed in between loses nothing."""
        try:
            replace_file(os.path.join(self._folder, LAST), msgspec.json.encode(last))
            for path in dead:
                remove_file(path)
        except OSError as error:
            self._notes.append(f"The data folder {self._folder} cannot be written: {error.strerror}")


def _changed(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0  # gone in the meantime


def _free_name(taken: Collection[str]) -> str:
    """``backend``, else ``backend-2`` and so on. Of several that claim one name, all but one will take another: these are left for them."""
    claimed = [name for name in taken if name]
    names = (f"backend-{number}" if number > 1 else "backend" for number in itertools.count(1))
    free = (name for name in names if name not in claimed)
    return next(itertools.islice(free, len(claimed) - len(set(claimed)), None))
