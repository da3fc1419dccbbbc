"""Crash reports on disk: written in a thread, listed and read for clients."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import asdict

from ..errors import InvalidArgsError
from ..log import log
from ..process.platform.files import read_file, remove_file, replace_file
from ..threads import in_thread
from ..wire.observe import Crash, CrashReport
from .report import MAX_SEQUENCE, CrashFacts, read_summary, render

KEEP = 50
KEEP_IN_MEMORY = 10  # reports that could not be written
MAX_REPORT = 1024 * 1024  # a report has about 100 KiB
SUMMARY_BYTES = 16 * 1024  # read from the end of a file to list it
HOLD = 0.25  # seconds; by then a fast next run is ready, and a slow one is far from it

# crash-2026-11-23T10-55-00.123Z: the time, in characters that Windows allows in a file name.
_NAME = re.compile(r"crash-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?Z")


def report_name(time: str) -> str:
    return f"crash-{time.replace(':', '-')}"


class CrashReports:
    """The newest 50 reports in the logs folder, and unwritten ones in memory. Numbered, because a clock may be set back."""

    def __init__(self, folder: Path, warn: Callable[[str], None], *, mask: Callable[[str], str] = str) -> None:
        self._folder = folder
        self._warn = warn
        self._mask = mask
        self._unwritten: dict[str, tuple[int, CrashFacts]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._count = 0  # reports of this sidecar
        self._before: int | None = None  # the highest number of earlier sidecars' reports, once they were read

    def submit(self, facts: CrashFacts, *, hold: bool = False) -> None:
        """Writes a report in the background; ``hold``: after HOLD, because masking takes milliseconds from the next start."""
        if hold:
            self._may_write.clear()
            asyncio.get_running_loop().call_later(HOLD, self._may_write.set)
        self._count += 1
        self._unwritten[facts.summary.name] = self._count, facts
        while len(self._unwritten) > KEEP_IN_MEMORY:
            del self._unwritten[next(iter(self._unwritten))]
        task = asyncio.get_running_loop().create_task(self._write_out(facts, self._count))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_out(self, facts: CrashFacts, number: int) -> None:
        name = facts.summary.name
        await self._may_write.wait()
        try:
            await in_thread(lambda: self._write(name, facts, number))
        except OSError as error:
            self._warn(f"The crash report {name} cannot be written to {self._folder}: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001  a defect must not lose the report silently
            log.defect(f"crash report {name}", error)
        else:
            self._unwritten.pop(name, None)

    async def summaries(self) -> list[Crash]:
        # Copied before the disk is read: a report that is written meanwhile is in one of the two, or in both.
        unwritten = list(self._unwritten.values())
        found = await in_thread(self._read_all)
        before = self._before or 0
        found |= {facts.summary.name: (before + number, facts.summary) for number, facts in unwritten}
        newest_first = sorted(found.values(), key=lambda each: (each[0], each[1].name), reverse=True)
        return [summary for _, summary in newest_first]

    async def read(self, name: str) -> CrashReport:
        """One whole report. InvalidArgsError: no report has that name."""
        if name in self._unwritten:
            _, facts = self._unwritten[name]
            report = await in_thread(lambda: self._render(facts, None))
            return CrashReport(**asdict(facts.summary), report=report)
        if _NAME.fullmatch(name):
            try:
                text = await in_thread(lambda: self._read(name, MAX_REPORT))
            except OSError:
                text = ""
            summary = read_summary(text)
            if summary is not None:
                return CrashReport(**asdict(summary[1]), report=text)
        raise InvalidArgsError(f"No crash report named {name!r}", hint="backend:crashReports lists all names.")

    async def close(self, within: float = 1.0) -> None:
        """Waits for reports that are being written or held back, for at most ``within`` seconds."""
        self._may_write.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    # In a thread --------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _read(self, name: str, last: int) -> str:
        return read_file(self._path(name), last, last=True).decode("utf-8", "replace")

    def _write(self, name: str, facts: CrashFacts, number: int) -> None:
        found = self._read_all()
        text = self._render(facts, self._folder, min((self._before or 0) + number, MAX_SEQUENCE))
        replace_file(self._path(name), text.encode("utf-8", "replace"))
        # An app may give its own reports such names, in the same folder.
        numbers = {each: number for each, (number, _) in found.items() if each != name}
        others = sorted(numbers, key=lambda each: (numbers[each], each))
        for old in others[: max(0, len(others) + 1 - KEEP)]:
            try:
                remove_file(self._path(old))
            except OSError:
                pass  # a program reads it; the next report tries again

    def _render(self, facts: CrashFacts, folder: Path | None, number: int = 0) -> str:
        from ..process.platform.machine import describe_system

        return render(facts, system=describe_system(folder), mask=self._mask, sequence=number)

    def _names(self) -> list[str]:
        try:
            return [path.stem for path in self._folder.glob("crash-*.log") if _NAME.fullmatch(path.stem)]
        except OSError:  # a parent folder cannot be entered; a missing one raises nothing
            return []

    def _read_all(self) -> dict[str, tuple[int, Crash]]:
        found = {}
        for name in self._names():
            try:
                summary = read_summary(self._read(name, SUMMARY_BYTES))
            except OSError:
                continue
            if summary is not None and summary[1].name == name:
                found[name] = summary
        if self._before is None:
            self._before = max((number for number, _ in found.values()), default=0)
        return found
