"""What a start does about earlier sidecars: ends the orphans that are proven to be theirs, and takes over the rest of their state.

A process is proven if it, or an ancestor, was started with the marker in the record of an owner that is gone. A record counts only if
it is this user's file in a folder that no other user can write to; a process that it names is left alone without the marker.
"""

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

TOOL = "tool-"  # the prefix of the record that a command-line tool keeps while it works on a folder
_T = TypeVar("_T")
_CLOCK_STEP = 86_400.0  # seconds; a record written further in the future has an unknown age
_KILL_SECONDS = 2.0  # a start waits no longer for orphans that do not die
_MAX_RECORDS = 32  # that are read; more can only come from a program that wants to delay each start
_GUARDIAN_SECONDS = 1.0  # how long a guardian whose sidecar was killed gives the backend to end


class Predecessor(Struct, frozen=True):
    """A sidecar that is ending, or the guardian of a killed one; its record, and the seconds that the end may take."""

    owner: ProcessId
    record: str
    seconds: float

    @property
    def is_there(self) -> bool:
        return os.path.lexists(self.record) and is_alive(self.owner)


class Reclaimed(Struct, frozen=True):
    """The result of a look."""

    last_port: int | None  # the port of the last run on this data folder
    failures: int  # counted against the restart budget when the last sidecar was killed; 0 after a clean end
    age: float  # seconds since port and failures were written
    logs: str  # name of the folder for the backend's output, unused by any living sidecar
    notes: list[str]  # sentences for the log, about leftovers and what prevented their removal
    neighbours: list[str]  # such sentences, one for each other living sidecar on this folder
    killed: list[ProcessId]
    ending: tuple[Predecessor, ...] = ()  # sidecars that are about to leave this folder; they are not neighbours
    younger: int = 0  # neighbours that leave port and logs of the folder to this sidecar

    @property
    def shared(self) -> bool:
        return bool(self.neighbours)

    @property
    def keeps_port(self) -> bool:
        return self.younger == len(self.neighbours)


def announce_self(data_folder: str | os.PathLike[str]) -> None:
    """Writes a first record before reading the others, unless an early start did: of two sidecars that start at once, at least one sees the other."""
    me, folder = own_identity(), os.fspath(data_folder)
    try:
        if not os.path.exists(os.path.join(folder, record_name(*me))):
            write_first(folder, pid_namespace=pid_namespace(), owner=me, marker="", port=None)
    except OSError:  # reported with the record that follows; no folder: there are no others
        pass


class Reclaim:
    """One look at a data folder."""

    def __init__(
        self, data_folder: str | os.PathLike[str], *, max_ending: float = math.inf, sandboxed: bool = False
    ) -> None:
        """``max_ending``: the longest wait, in seconds, for another sidecar's end, whatever its record says.

        ``sandboxed``: the backend may write records but not end processes, so a process without the marker is not ended because a record names it.
        """
        self._sandboxed = sandboxed
        self._max_ending = max_ending
        self._folder = os.fspath(data_folder)
        self._owners: set[ProcessId] | None = None
        self._notes: list[str] = []
        self._killed: list[ProcessId] = []
        self._pid_namespace = pid_namespace()
        self._me = own_identity()

    def read(self, *, wait: bool = True) -> Reclaimed:
        """Ends proven orphans, and returns what the next run should know. Never raises because of what it finds.

        ``wait``: report sidecars that are ending in ``ending``, not as neighbours. A second look on the same object ignores sidecars that
        came after the first: those see this one as their neighbour.
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
            self._archive(dead, last)
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
        """Returns the other sidecars that use the folder now: pid → pid of its backend, or None. Ends nothing."""
        records = [record for _, record in self._others() if self._is_alive(record, record.owner)]
        return {record.owner[0]: record.backend[0] if record.backend else None for record in records}

    def in_use(self) -> bool:
        """Whether a tool, a sidecar or its guardian uses the folder, or may do so in another container. Ends nothing."""
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
        """Returns None for a record that another sidecar has just removed, and for a damaged one, which is set aside."""
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
        """Whether the record is from this boot of this machine, but from a container with its own pids."""
        boot, _, namespace = self._pid_namespace.partition("/")
        its_boot, _, its_namespace = record.pid_namespace.partition("/")
        return boot == its_boot and namespace != its_namespace

    def _is_alive(self, record: RunRecord, process: tuple[int, float] | None) -> bool:
        return process is not None and record.pid_namespace == self._pid_namespace and is_alive(ProcessId(*process))

    def _comes_later(self, record: RunRecord) -> bool:
        """Whether the other sidecar announced itself after this one and has not chosen its logs yet: it will see this one's record."""
        if record.logs:
            return False
        mine = self._load(os.path.join(self._folder, record_name(*self._me)), RunRecord)
        return mine is not None and (record.written, record.owner) > (mine.written, self._me)

    def _end_orphans(self, record: RunRecord) -> None:
        if record.pid_namespace != self._pid_namespace:
            return  # the machine was restarted since then: nothing is left
        if sys.platform != "win32" and record.marker:  # on Windows the job object ended everything with the sidecar
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
        """Returns the backend if it is still the process that the record names."""
        if record.backend is None or self._sandboxed:
            return []  # processes with the marker are found anyway
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

    def _archive(self, dead: Iterable[str], last: LastRun) -> None:
        """Writes the carried-over state before removing the records: a start killed in between loses nothing."""
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
    """Returns ``backend``, else ``backend-2`` and so on. If several sidecars claim one name, all but one will choose another, so as many free names are skipped."""
    claimed = [name for name in taken if name]
    names = (f"backend-{number}" if number > 1 else "backend" for number in itertools.count(1))
    free = (name for name in names if name not in claimed)
    return next(itertools.islice(free, len(claimed) - len(set(claimed)), None))
