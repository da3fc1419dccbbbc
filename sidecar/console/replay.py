"""``sidecar replay``: sends recorded requests to a fresh sidecar and compares its answers."""

import asyncio
import time
from asyncio import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import SidecarError
from ..plain import one_line
from .client import SHUTDOWN_LIMIT, serve_command
from .conversation import Exchange, Tape
from .frames import heading
from .needed import require_command
from .recording import CHUNK, Record, Recording, RecordingError, shell_status
from .session import until
from .state import data_words
from .surroundings import run_cancellable, temporary_folder

TIMEOUT = 30.0  # seconds to wait for what the recorded client had received before its next step; then the replay continues without it
_SHOWN = 5  # differences in one answer
_MAX_VALUE = 60  # characters of a value that are shown


def run(file: str, serve_words: Sequence[str], *, fast: bool) -> int:
    """Replays and prints the differences. The recorded command is only shown, because a recording may come from anyone.

    ``fast`` waits only for what the recorded client had received before each step. Returns 0 if only values differ, else 1.
    RecordingError: the file is not a recording; or it is damaged, after what precedes the damage was replayed.
    """
    recording = Recording(Path(file))
    _say(heading(recording.header))
    require_command("replay FILE", serve_words, starts=False)
    before, damage = Tape(), None
    try:
        for record in recording:
            before.take(record)
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
                *serve_command(), *data_words(folder), *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self.began = time.monotonic()
            reading = asyncio.create_task(self._read(process))
            try:
                await self._play(process)
                async with asyncio.timeout(SHUTDOWN_LIMIT):
                    await reading
                    status = await process.wait()
            except TimeoutError:
                raise SidecarError("The sidecar did not exit after its client left; it was killed") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                reading.cancel()
            self._take("exit", str(shell_status(status)).encode())
        return self.now

    async def _play(self, process: subprocess.Process) -> None:
        assert process.stdin
        await until(lambda: self.now.hello is not None, self.changed, TIMEOUT)
        began = time.monotonic()
        for step in self.before.steps:
            if not self.fast:
                await until(lambda: self.ended, self.changed, step.at - (time.monotonic() - began))
            await until(partial(self._has_seen, step.answers, step.moves), self.changed, TIMEOUT)
            if step.data is None or self.ended:
                break
            self._take("client", step.data)
            try:
                process.stdin.write(step.data)
                await process.stdin.drain()
            except OSError:  # it no longer reads; its end says why
                break
        else:  # the recording ended before its client did: wait for the remaining answers
            await until(partial(self._has_seen, self.before.answers, 0), self.changed, TIMEOUT)
        process.stdin.close()

    def _has_seen(self, answers: int, moves: int) -> bool:
        return self.ended or (self.now.answers >= answers and len(self.now.states) >= moves)

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
    """Prints how each answer compares; returns the number of differences that matter to a client."""
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
    old_exit = now.exit if before.exit is None else before.exit  # None: not recorded
    states = [" → ".join(tape.states) or "none" for tape in (before, now)]
    for name, was, became in (("states", *states), ("exit status", old_exit, now.exit)):
        different += was != became
        say(f"same       {name}: {became}" if was == became else f"DIFFERENT  {name}: {was} → {became}")
    say(f"{len(before.exchanges)} requests replayed, {different or 'nothing'} different")
    return different


class Difference(NamedTuple):
    """One place in which two answers differ, such as ``result.lastExit.code``."""

    path: str
    before: Any
    now: Any
    shape: bool  # a key was added or removed, or a value has another kind; times and pids only differ in value

    def __str__(self) -> str:
        return f"{self.path or 'the answer'}: {_short(self.before)} → {_short(self.now)}"


def judge(old: Exchange, new: Exchange | None) -> tuple[str, list[Difference]]:
    """Returns ``same``, ``values`` (only values that differ in every run) or ``DIFFERENT``, and the differences."""
    if old.answer is None:  # the recording or the sidecar ended before it
        return "same", []
    if new is None or new.answer is None or old.answer.get("type") != new.answer.get("type"):
        return "DIFFERENT", [Difference("", old.outcome, new.outcome if new else None, shape=True)]
    try:
        found = list(differences(old.outcome, new.outcome))
    except RecursionError:
        found = [Difference("", "nested too deeply", "not compared", shape=False)]
    if old.answer.get("type") == "error":
        found = [each._replace(shape=each.path == "code") for each in found]
    if any(difference.shape for difference in found):
        return "DIFFERENT", found
    return ("values", found) if found else ("same", [])


def _say(text: str) -> None:
    print(one_line(text), flush=True)


_MISSING = object()


def differences(before: Any, now: Any, path: str = "") -> Iterator[Difference]:
    """Yields every place where ``now`` differs from ``before``. Null has the shape of any value; lists are compared up to the shorter."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            if key in before and key in now:
                yield from differences(before[key], now[key], inner)
            else:
                yield Difference(inner, before.get(key, _MISSING), now.get(key, _MISSING), shape=True)
    elif isinstance(before, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip(before, now, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
        if len(before) != len(now):
            yield Difference(f"{path} (length)".strip(), len(before), len(now), shape=False)
    elif before != now or _kind(before) is not _kind(now):  # to Python, true is 1
        other_kind = _kind(before) is not _kind(now) and before is not None and now is not None
        yield Difference(path, before, now, shape=other_kind)


def _kind(value: Any) -> type:
    """Returns the kind of a value. Integers and floats are one kind, because MessagePack may write either."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _short(value: Any) -> str:
    text = "nothing" if value is _MISSING else repr(value)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
