from __future__ import annotations

import _thread
import asyncio
import sys
import threading

import pytest

from sidecar.errors import is_exhausted
from sidecar.threads import in_thread
from tests.support.launch import run


async def test_the_result_and_the_exception_reach_the_caller() -> None:
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_a_system_without_a_process_left_is_not_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with pytest.raises(OSError, match="can't start new thread") as caught:
        await in_thread(pytest.fail)
    assert is_exhausted(caught.value)


def test_a_thread_without_memory_keeps_no_caller_waiting() -> None:
    """It dies before its first step, and Python says nothing of it: threading.Thread.start never returned (cpython#140746)."""
    code = """
import _thread
_thread.start_new_thread = _thread.start_joinable_thread = lambda *_, **__: 1

import asyncio
from sidecar.log import Pump
from sidecar.observe.logfiles import LogFiles
from sidecar.process.record import Record
from sidecar.threads import in_thread

async def main():
    work = in_thread(print)
    logs = LogFiles(".", print)
    logs.put(b"x")
    Record(".", print).update(port=5000)
    pump = Pump(print, 10)
    pump.put("x")
    pump.close(0.05)
    print(work.done(), await logs.close(0.05))

asyncio.run(main())
"""
    done = run([sys.executable, "-c", code], check=True, timeout=30)
    assert done.stdout.strip() == "False False"


async def test_a_caller_that_is_cancelled_leaves_the_thread_to_itself() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(30)
        done.set()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(in_thread(work), 0.05)
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
    await asyncio.wait_for(in_thread(threading.Event().wait), 0.05)

try:
    asyncio.run(main())
except TimeoutError:
    print("over")
"""
    done = run([sys.executable, "-c", code], check=True)
    assert done.stdout.strip() == "over"
