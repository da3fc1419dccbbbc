"""``sidecar replay``: what a client said once, said again to a fresh real sidecar, and its answers compared."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import SidecarError
from .client import SHUTDOWN_LIMIT, importable_environment, serve_command
from .compare import Difference, differences
from .frames import heading
from .recording import CHUNK, Record, Recording, RecordingError, shell_status
from .script import Exchange, Step, Tape
from .sentences import one_line
from .surroundings import run_cancellable, temporary_folder

PATIENCE = 30.0  # seconds for what the recorded client had seen before it went on; then the replay goes on without it
_SHOWN = 5  # differences of value in one answer


def run(file: str, serve_words: Sequence[str], *, fast: bool) -> int:
    """Replays and prints what was different.

    The recorded command is only shown: a recording from someone else shall not choose what is run here. ``fast`` waits only
    for what the recorded client had received before each step.

    Returns 0 if answers, states and exit status are as recorded but for values that differ in every run; else 1. Raises
    RecordingError where it is not a recording; or is damaged, after what precedes the damage was replayed.
    """
    recording = Recording(Path(file))
    _say(heading(recording.header))
    before, damage = Tape(), None
    try:
        before.read(recording)
    except RecordingError as error:
        damage = error
    now = run_cancellable(_Replay(before, fast=fast).run(serve_words))
    different = report(before, now, _say)
    if damage is not None:
        raise damage
    return 1 if different else 0


class _Replay:
    def __init__(self, before: Tape, *, fast: bool) -> None:
        self.before = before
        self.now = Tape()
        self.fast = fast
        self.changed = asyncio.Event()
        self.ended = False

    async def run(self, words: Sequence[str]) -> Tape:
        with temporary_folder("sidecar-replay-") as folder:
            process = await subprocess.create_subprocess_exec(
                *serve_command(),
                "--set",
                f"paths.data={json.dumps(folder)}",
                *words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=importable_environment(),
            )
            self.began = time.monotonic()
            reading = asyncio.create_task(self._read(process))
            try:
                await self._play(process)
                async with asyncio.timeout(SHUTDOWN_LIMIT):
                    await reading
                    status = await process.wait()
            except TimeoutError:
                raise SidecarError("The sidecar did not end when its client was gone; it was killed") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                reading.cancel()
            self._take("exit", str(shell_status(status)).encode())
        return self.now

    async def _play(self, process: subprocess.Process) -> None:
        assert process.stdin
        await self._until(lambda: self.now.hello is not None)
        began = time.monotonic()
        for step in self.before.steps:
            if not self.fast:
                await self._until(lambda: self.ended, step.at - (time.monotonic() - began))
            await self._until(lambda step=step: self._is_due(step))  # type: ignore[misc]  # bound early on purpose
            if step.data is None or self.ended:
                break
            self._take("client", step.data)
            try:
                process.stdin.write(step.data)
                await process.stdin.drain()
            except OSError:  # it reads no more, and its end tells why
                break
        else:  # the recording ended before its client did: what was still to be answered then is awaited
            await self._until(lambda: self.ended or self.now.answers >= self.before.answers)
        process.stdin.close()

    def _is_due(self, step: Step) -> bool:
        return self.ended or (self.now.answers >= step.answers and len(self.now.states) >= step.moves)

    async def _until(self, condition: Callable[[], bool], limit: float = PATIENCE) -> None:
        try:
            async with asyncio.timeout(max(0.0, limit)):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            pass

    async def _read(self, process: subprocess.Process) -> None:
        assert process.stdout
        while chunk := await process.stdout.read(CHUNK):
            self._take("sidecar", chunk)
        self.ended = True
        self.changed.set()

    def _take(self, kind: Any, data: bytes) -> None:
        self.now.take(Record(kind, int((time.monotonic() - self.began) * 1e9), data, 0))
        self.changed.set()


def report(before: Tape, now: Tape, say: Callable[[str], None]) -> int:
    """Says of each request how its answer compares; gives the number of those that a client could stumble over."""
    different = 0
    for number, old in enumerate(before.exchanges):
        new = now.exchanges[number] if number < len(now.exchanges) else None
        verdict, found = judge(old, new)
        different += verdict == "DIFFERENT"
        say(f"{verdict:9}  {old.channel}")
        worst_first = sorted(found, key=lambda difference: not difference.shape)
        for difference in worst_first[:_SHOWN]:
            say(f"             {difference}")
        if len(found) > _SHOWN:
            say(f"             and {len(found) - _SHOWN} more")
    for name, was, became in (
        ("states", _states(before), _states(now)),
        ("exit status", before.exit, now.exit),
    ):
        if was == became or (name == "exit status" and was is None):
            say(f"same       {name}: {became}")
        else:
            different += 1
            say(f"DIFFERENT  {name}: {was} → {became}")
    say(f"{len(before.exchanges)} requests replayed, {different or 'nothing'} different")
    return different


def judge(old: Exchange, new: Exchange | None) -> tuple[str, list[Difference]]:
    """``same``, ``values`` (only such as differ in every run) or ``DIFFERENT``, and where."""
    if old.answer is None:  # it was cut off, or the sidecar was
        return "same", []
    if new is None or new.answer is None:
        return "DIFFERENT", [Difference("", old.outcome, None, shape=True)]
    if old.answer.get("type") != new.answer.get("type"):
        return "DIFFERENT", [Difference("", old.outcome, new.outcome, shape=True)]
    found = list(differences(old.outcome, new.outcome))
    if old.answer.get("type") == "error":
        found = [each._replace(shape=each.path == "code") for each in found]
    if any(difference.shape for difference in found):
        return "DIFFERENT", found
    return ("values", found) if found else ("same", [])


def _states(tape: Tape) -> str:
    return " → ".join(tape.states) or "none"


def _say(text: str) -> None:
    print(one_line(text), flush=True)  # noqa: T201 - the tool's output
