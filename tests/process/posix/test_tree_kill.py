"""The whole tree ends, whatever it consists of, if it is killed and if its root exits."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.process import guardian as guardians
from sidecar.process import tree
from sidecar.process.base import Survivor
from sidecar.process.posix import PosixProcessLayer
from tests.support.guardians import change_guardians
from tests.support.processes import SLACK, is_alive, marked, until
from tests.support.runs import Recorder, child, python, spec

FAMILIES = [
    "none",
    "plain",
    "daemon",
    "double_fork",
    "bare",
    "pipe_holder",
    pytest.param("storm", marks=pytest.mark.heavy),
]
SMALLEST = {"none": 1, "plain": 2, "daemon": 2, "double_fork": 2, "bare": 2, "pipe_holder": 2, "storm": 150}


async def start(layer: PosixProcessLayer, kind: str, *more: object):
    recorder = Recorder()
    run = await layer.launch(spec(child("family", kind, *more)), recorder)
    await recorder.has_written(b"ready")
    return run, recorder


@pytest.mark.parametrize("kind", FAMILIES)
async def test_a_kill_ends_every_kind_of_family(layer: PosixProcessLayer, kind: str) -> None:
    run, recorder = await start(layer, kind)
    await until(lambda: len(run.processes()) >= SMALLEST[kind])
    assert run.processes()[0] == run.identity
    run.kill()
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(signal=signal.SIGKILL)
    assert recorder.order[-2:] == ["exited", "gone"]
    assert marked(layer.marker) == []
    assert run.processes() == []


@pytest.mark.parametrize("kind", FAMILIES)
async def test_the_rest_of_the_family_ends_with_the_root(layer: PosixProcessLayer, kind: str) -> None:
    _run, recorder = await start(layer, kind, "--exit", 3)
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(code=3)
    assert marked(layer.marker) == []


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no subreaper")
async def test_a_process_that_forks_and_exits_ends_even_on_a_machine_too_busy_to_see_it(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run, recorder = await start(layer, "storm", 1)
    looks = 0

    def children(pid: int) -> list[int]:
        nonlocal looks
        found = read_children(pid)
        if pid == os.getpid() and looks < 8:
            looks += 1
            time.sleep(0.1)  # it stays a fifth of that under one pid
        return found

    read_children = tree.children
    monkeypatch.setattr(tree, "children", children)
    os.kill(layer.guardian.pid, signal.SIGKILL)
    assert await recorder.is_gone() == []
    assert looks == 8
    assert marked(layer.marker) == []


async def test_the_search_for_what_is_left_can_fail(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "plain")
    assert len(marked(layer.marker)) == 2
    run.kill()
    await recorder.is_gone()


async def test_a_process_that_cleared_its_environment_is_in_the_tree_and_ends_with_it(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "bare")
    pids = [process.pid for process in await until(lambda: len(run.processes()) == 2 and run.processes())]
    await until(lambda: {found.pid for found in marked(layer.marker)} == {run.identity.pid})
    run.kill()
    await recorder.is_gone()
    assert not any(map(is_alive, pids))


async def test_sigterm_goes_to_the_group_and_a_stubborn_root_stays_until_it_is_killed(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "plain", "--stubborn")
    await recorder.has_written(b"stubborn")
    run.interrupt()
    await until(lambda: len(run.processes()) == 1)  # its child took the signal
    assert recorder.status is None
    run.kill()
    await recorder.is_gone()
    assert recorder.status == ExitStatus(signal=signal.SIGKILL)


async def test_sigterm_ends_a_stopped_root_too(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "plain")
    os.kill(run.identity.pid, signal.SIGSTOP)
    run.interrupt()
    await recorder.is_gone()
    assert recorder.status == ExitStatus(signal=signal.SIGTERM)


async def test_a_stopped_root_is_killed(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "daemon")
    os.kill(run.identity.pid, signal.SIGSTOP)
    run.kill()
    assert await recorder.is_gone() == []
    assert recorder.status == ExitStatus(signal=signal.SIGKILL)


async def test_interrupt_and_kill_are_harmless_when_repeated_and_afterwards(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "plain")
    run.kill()
    run.kill()
    run.interrupt()
    await recorder.is_gone()
    run.kill()
    run.interrupt()
    next_run, next_recorder = await start(layer, "none")
    run.kill()
    assert is_alive(next_run.identity.pid)
    next_run.kill()
    await next_recorder.is_gone()
    assert recorder.order.count("gone") == recorder.order.count("exited") == 1


async def test_the_exit_is_reported_at_once_though_a_grandchild_holds_the_pipe(layer: PosixProcessLayer) -> None:
    # CPython test_asyncio test_wait_even_if_pipe_is_open; python/cpython#119710.
    recorder = Recorder()
    code = "import os,time; os.fork() or (os.setsid(), time.sleep(600)); os.write(1, b'%f' % time.monotonic()); os._exit(7)"
    await layer.launch(spec(python(code)), recorder)
    await recorder.is_gone()
    assert recorder.status == ExitStatus(code=7)
    assert recorder.times["exited"] - float(recorder.out) < 1.0 + SLACK


async def test_a_launch_waits_until_the_run_before_it_is_gone(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "crowd", 20)
    run.kill()
    _next_run, next_recorder = await start(layer, "none", "--exit", 0)
    assert recorder.survivors == []
    await next_recorder.is_gone()


@pytest.mark.heavy
async def test_a_crowd_of_200_is_killed_quickly(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "crowd", 200)
    await until(lambda: len(run.processes()) == 201)
    begin = time.monotonic()
    run.kill()
    await recorder.is_gone()
    assert recorder.times["gone"] - begin < 1.0 + SLACK  # median about 40 ms on an idle machine of two cores


async def test_a_launch_that_is_cancelled_leaves_nothing(layer: PosixProcessLayer) -> None:
    import asyncio

    recorder = Recorder()
    launching = asyncio.ensure_future(layer.launch(spec(child("family", "plain")), recorder))
    await asyncio.sleep(0)
    launching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launching
    _run, recorder = await start(layer, "none", "--exit", 0)
    await recorder.is_gone()
    assert marked(layer.marker) == []


async def test_survivors_are_reported_by_pid_and_name_and_the_next_run_still_starts(
    layer: PosixProcessLayer,
) -> None:
    # Nothing in user space survives SIGKILL, so the report is made as the guardian would make it of a process that
    # hangs in the kernel: the run below is reported gone with a survivor, and then really killed.
    run, recorder = await start(layer, "none")
    layer._reported(("gone", run.serial, ((4711, "stuck"),), ()))
    os.kill(run.identity.pid, signal.SIGKILL)
    assert await recorder.is_gone() == [Survivor(4711, "stuck")]
    assert not recorder.status.known
    _run, recorder = await start(layer, "none", "--exit", 0)
    assert await recorder.is_gone() == []


async def test_survivors_are_reported_before_the_time_of_the_kill_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # A guardian whose signals do not arrive, as with a process that hangs in the kernel.
    change_guardians(monkeypatch, "tree.send = killing.signal_group = lambda *_: False")
    layer = PosixProcessLayer(guardians.spawn_guardian(), print, "/nowhere")
    recorder = Recorder()
    run = await layer.launch(spec(child("family", "none"), force_kill=1.0), recorder)
    await recorder.has_written(b"ready")
    begin = time.monotonic()
    run.kill()
    assert [survivor.pid for survivor in await recorder.is_gone()] == [run.identity.pid]
    assert recorder.times["gone"] - begin < 1.0 + 0.5  # the pipes are drained after the report
    os.kill(layer.guardian.pid, signal.SIGKILL)
    await layer.close()
    await until(lambda: not is_alive(run.identity.pid))


async def test_close_kills_what_runs_and_ends_the_guardian(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, "double_fork")
    guardian = layer.guardian
    assert guardian is not None
    assert await layer.close() == []
    assert recorder.survivors == []
    assert not is_alive(run.identity.pid)
    assert not is_alive(guardian.pid)
