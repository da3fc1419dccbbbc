"""The backend's stdin: empty, or open until the stop or the end of the sidecar."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.process.posix import PosixProcessLayer
from tests.process.posix.test_guardian import PROMISE, own  # noqa: F401 - a fixture
from tests.support.processes import marked, until
from tests.support.runs import Recorder, spec

# Ends when its stdin does, and leaves a child that would keep the writing end open if it had inherited that.
READER = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
sys.stdin.read()
print("end", flush=True)
sys.exit(7)
"""


async def start(layer: PosixProcessLayer, **more: object):
    recorder = Recorder()
    run = await layer.launch(spec((sys.executable, "-c", READER), **more), recorder)
    await until(lambda: b"ready" in recorder.out, what=lambda: bytes(recorder.err))
    return run, recorder


async def test_an_empty_stdin_is_at_its_end_at_once(layer: PosixProcessLayer) -> None:
    _run, recorder = await start(layer)
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(code=7)


@pytest.mark.parametrize("rung", ["close_stdin", "interrupt"])
async def test_an_open_stdin_ends_with_the_first_rung_of_the_stop(layer: PosixProcessLayer, rung: str) -> None:
    run, recorder = await start(layer, stdin="open")
    assert b"end" not in recorder.out
    getattr(run, rung)()
    await until(lambda: recorder.status is not None)
    assert recorder.status == ExitStatus(code=7)
    assert b"end" in recorder.out
    run.kill()
    assert await recorder.is_gone() == []
    assert marked(layer.marker) == []


SAVER = """
import sys, time
print("ready", flush=True)
sys.stdin.read()
time.sleep(0.6)
print("saved", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process has a handler")
@pytest.mark.parametrize("behind", [False, True], ids=["itself", "sh"])
async def test_a_process_that_saves_at_the_end_of_stdin_without_a_handler_is_not_killed_by_the_signal(
    layer: PosixProcessLayer, behind: bool
) -> None:
    command = (sys.executable, "-c", SAVER)
    recorder = Recorder()
    shell = ("/bin/sh", "-c", '"$@"; true', "sh") if behind else ()
    run = await layer.launch(spec((*shell, *command), stdin="open"), recorder)
    await until(lambda: b"ready" in recorder.out, what=lambda: bytes(recorder.err))
    run.close_stdin()
    run.interrupt(20.0)
    assert await recorder.is_gone() == []
    assert recorder.out.endswith(b"saved\n")
    assert recorder.status == ExitStatus(code=0)


async def test_an_open_stdin_of_a_backend_that_ends_by_itself_is_closed(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, stdin="open")
    os.kill(run.identity.pid, signal.SIGKILL)
    assert await recorder.is_gone() == []
    assert run._stdin < 0
