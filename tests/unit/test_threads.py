from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from sidecar.errors import is_exhausted
from sidecar.threads import in_thread
from tests.support.launch import run


async def test_the_result_and_the_exception_reach_the_caller() -> None:
    assert await in_thread("a name", lambda: threading.current_thread().name) == "a name"
    with pytest.raises(ZeroDivisionError):
        await in_thread("work", lambda: 1 / 0)


async def test_a_system_without_a_process_left_is_not_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OSError, match="can't start new thread") as caught:
        await in_thread("work", pytest.fail)
    assert is_exhausted(caught.value)


async def test_a_caller_that_is_cancelled_leaves_the_thread_to_itself() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(30)
        done.set()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(in_thread("work", work), 0.05)
    go.set()
    while not done.is_set():
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)  # its late result is of no interest, and no error


def test_work_that_never_comes_back_does_not_keep_the_process() -> None:
    """Such as the elevation prompt of backend:createFirewallRule, which may stay unanswered."""
    code = """
import asyncio, threading
from sidecar.errors import is_exhausted
from sidecar.threads import in_thread

async def main():
    await asyncio.wait_for(in_thread("prompt", threading.Event().wait), 0.05)

try:
    asyncio.run(main())
except TimeoutError:
    print("over")
"""
    done = run([sys.executable, "-c", code], check=True)
    assert done.stdout.strip() == "over"
