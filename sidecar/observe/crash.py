"""Crash reports on disk: written beside the event loop, listed and read for clients."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import asdict

from ..errors import InvalidArgsError
from ..log import log
from ..process.platform.files import read_file, replace_file
from ..threads import in_thread
from ..wire.messages import Crash
from ..wire.observe import CrashReport
from .report import CrashFacts, read_summary, render

KEEP = 50
KEEP_IN_MEMORY = 10  # reports that the disk did not take
LARGEST = 1024 * 1024  # a report has some 100 KiB
SUMMARY_BYTES = 16 * 1024  # what is read of a file's end to list it

# crash-2026-11-23T10-55-00.123Z: the time with what Windows allows in a file name; so names sort as times do.
_NAME = re.compile(r"crash-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?Z")


def report_name(time: str) -> str:
    """The name of the report about a failure at ``time``, ISO 8601 UTC."""
    return f"crash-{time.replace(':', '-')}"


class CrashReports:
    """The reports in the logs folder; the newest 50 are kept.

    A report exists for clients from ``submit`` on. If the disk does not take it, ``warn`` is called and it stays readable from
    memory until the sidecar ends. ``mask`` takes secrets out of a text.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None], *, mask: Callable[[str], str] = str) -> None:
        self._folder = folder
        self._warn = warn
        self._mask = mask
        self._unwritten: dict[str, CrashFacts] = {}
        self._tasks: set[asyncio.Task[str]] = set()

    def submit(self, facts: CrashFacts) -> None:
        """Writes in the background; ``close`` waits for it."""
        self._remember(facts.summary.name, facts)
        task = asyncio.get_running_loop().create_task(self.write(facts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def write(self, facts: CrashFacts) -> str:
        """Writes the report and returns its name; where the disk refuses it, ``warn`` is called."""
        name = facts.summary.name
        self._remember(name, facts)
        try:
            await in_thread("crash report", lambda: self._write(name, facts))
        except OSError as error:
            self._warn(f"The crash report {name} cannot be written to {self._folder}: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001  a defect must not lose the report without a word
            log.defect(f"crash report {name}", error)
        else:
            self._unwritten.pop(name, None)
        return name

    async def summaries(self) -> list[Crash]:
        """Of all reports, newest first; reports that cannot be read are left out."""
        # Noted before the disk is read: a report that gets there meanwhile is in one of the two, or in both.
        unwritten = {name: facts.summary for name, facts in self._unwritten.items()}
        found = {summary.name: summary for summary in await in_thread("crash report", self._read_all)} | unwritten
        return [found[name] for name in sorted(found, reverse=True)]

    async def read(self, name: str) -> CrashReport:
        """One report, whole. InvalidArgsError: none has that name."""
        facts = self._unwritten.get(name)
        if facts is not None:
            report = await in_thread("crash report", lambda: self._render(facts, None))
            return CrashReport(**asdict(facts.summary), report=report)
        if _NAME.fullmatch(name):
            try:
                text = await in_thread("crash report", lambda: self._read(name, LARGEST))
            except OSError:
                text = ""
            summary = read_summary(text)
            if summary is not None:
                return CrashReport(**asdict(summary), report=text)
        raise InvalidArgsError(
            f"No crash report has the name {name!r}",
            hint="backend:crashReports lists all of them.",
        )

    async def close(self, within: float = 1.0) -> None:
        """Waits for reports that are being written, for at most ``within`` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    def _remember(self, name: str, facts: CrashFacts) -> None:
        self._unwritten[name] = facts
        while len(self._unwritten) > KEEP_IN_MEMORY:
            del self._unwritten[next(iter(self._unwritten))]

    # In a thread --------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _read(self, name: str, last: int) -> str:
        return read_file(self._path(name), last, last=True).decode("utf-8", "replace")

    def _write(self, name: str, facts: CrashFacts) -> None:
        text = self._render(facts, self._folder)
        replace_file(self._path(name), text.encode("utf-8", "replace"))
        for old in sorted(self._names())[:-KEEP]:
            try:
                self._path(old).unlink(missing_ok=True)
            except OSError:
                pass  # a program reads it; the next report tries again

    def _render(self, facts: CrashFacts, folder: Path | None) -> str:
        from .system import describe_system

        return render(facts, system=describe_system(folder), mask=self._mask)

    def _names(self) -> list[str]:
        try:
            return [path.stem for path in self._folder.glob("crash-*.log") if _NAME.fullmatch(path.stem)]
        except OSError:  # a folder on the way that may not be entered; one that is missing gives none
            return []

    def _read_all(self) -> list[Crash]:
        found = []
        for name in self._names():
            try:
                summary = read_summary(self._read(name, SUMMARY_BYTES))
            except OSError:
                continue
            if summary is not None and summary.name == name:
                found.append(summary)
        return found
