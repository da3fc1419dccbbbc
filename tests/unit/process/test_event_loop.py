"""The faster path to a reader behaves like asyncio's own; each test also runs on asyncio's own loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.process import event_loop
from sidecar.process.event_loop import create_event_loop

LIMIT = 60.0  # seconds; none of this takes long
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=[create_event_loop, asyncio.new_event_loop], ids=["ours", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    if sys.platform == "win32":
        pytest.skip("Windows has no readers")

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(main(), LIMIT))

    return run


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_callbacks_tasks_and_timers_that_a_reader_starts_run(run: Run, pipe: tuple[int, int]) -> None:
    source, sink = pipe
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timer_ran = asyncio.Event()

        async def task() -> None:
            seen.append("task")

        def readable() -> None:
            assert asyncio.get_running_loop() is loop
            seen.append(os.read(source, 9).decode())
            loop.call_soon(seen.append, "callback")
            tasks.append(loop.create_task(task()))
            loop.call_later(0.01, timer_ran.set)

        tasks: list[asyncio.Task[None]] = []
        loop.add_reader(source, readable)
        loop.call_later(0.01, os.write, sink, b"bytes")
        await timer_ran.wait()
        loop.remove_reader(source)

    run(main)
    assert seen == ["bytes", "callback", "task"]


def test_what_was_queued_before_a_reader_was_ready_runs_before_it(run: Run, pipe: tuple[int, int]) -> None:
    source, sink = pipe
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(source, lambda: seen.append(os.read(source, 9).decode()))
        os.write(sink, b"bytes")
        loop.call_soon(seen.append, "queued")
        while len(seen) < 2:
            await asyncio.sleep(0.001)

    run(main)
    assert seen == ["queued", "bytes"]


def test_a_reader_that_always_finds_bytes_does_not_starve_others(run: Run, pipe: tuple[int, int]) -> None:
    source, sink = pipe
    other_source, other_sink = os.pipe()
    reads = 0

    async def main() -> None:
        loop = asyncio.get_running_loop()
        other_read = asyncio.Event()

        def readable() -> None:
            nonlocal reads
            reads += 1
            os.read(source, 1)
            os.write(sink, b"x")

        loop.add_reader(source, readable)
        loop.add_reader(other_source, other_read.set)
        os.write(sink, b"x")
        loop.call_later(0.01, os.write, other_sink, b"y")
        await other_read.wait()

    run(main)
    os.close(other_source)
    os.close(other_sink)
    assert reads > 1


def test_the_failure_of_a_reader_reaches_the_exception_handler(run: Run, pipe: tuple[int, int]) -> None:
    source, sink = pipe
    failures: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context))

        def readable() -> None:
            raise ValueError(os.read(source, 9).decode())

        loop.add_reader(source, readable)
        loop.call_later(0.01, os.write, sink, b"bytes")
        while not failures:
            await asyncio.sleep(0.001)

    run(main)
    (failure,) = failures
    assert repr(failure["exception"]) == "ValueError('bytes')"


def test_a_removed_or_replaced_reader_is_not_called(run: Run, pipe: tuple[int, int]) -> None:
    source, sink = pipe
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def called(which: str) -> None:
            seen.append(which)
            loop.remove_reader(source)
            loop.call_later(0.01, done.set)

        loop.add_reader(source, lambda: called("first"))
        loop.add_reader(source, called, "second")
        os.write(sink, b"x")
        await done.wait()
        assert not loop.remove_reader(source)

    run(main)
    assert seen == ["second"]


def test_the_end_of_a_pipe_calls_the_reader(run: Run) -> None:
    source, sink = os.pipe()

    async def main() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(source, lambda: os.read(source, 1) or ended.set())
        asyncio.get_running_loop().call_later(0.01, os.close, sink)
        await ended.wait()

    run(main)
    os.close(source)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loop is asyncio's own")
def test_the_loop_leaves_no_descriptor() -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    create_event_loop().close()
    assert len(list(descriptors.iterdir())) == before


def test_no_time_limit_passes_while_this_process_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after SIGSTOP: a wait ends an hour late, because the clock continued."""
    really, frozen = event_loop.awake_time, 0.0
    monkeypatch.setattr(event_loop, "awake_time", lambda: really() + frozen)

    def freeze() -> None:
        nonlocal frozen
        frozen = 3600.0

    async def main() -> float:
        before = asyncio.get_running_loop().time()
        threading.Timer(0.05, freeze).start()
        async with asyncio.timeout(LIMIT):
            while not frozen:
                await asyncio.sleep(0.2)
        return asyncio.get_running_loop().time() - before

    with asyncio.Runner(loop_factory=create_event_loop) as runner:
        assert 0.04 < runner.run(main()) < LIMIT
