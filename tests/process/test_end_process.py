"""Killing one process that is proven to be the right one."""

from __future__ import annotations

import subprocess
import sys

from sidecar.console.watch import descends
from sidecar.process import end_process
from sidecar.process.base import ProcessId
from sidecar.process.identity import identify

WAIT = "import sys; sys.stdin.read()"


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", WAIT], stdin=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> int:
    process.stdin.close()
    return process.wait(60)


def test_the_process_that_is_meant_is_killed() -> None:
    process = start()
    meant = identify(process.pid)
    assert meant is not None
    assert end_process(meant)
    assert process.wait(60) != 0
    process.stdin.close()
    assert not end_process(meant)


def test_another_process_with_its_pid_is_left_alone() -> None:
    process = start()
    meant = identify(process.pid)
    assert not end_process(ProcessId(meant.pid, meant.started - 1))
    assert end(process) == 0


def test_without_a_process_nothing_is_killed() -> None:
    process = start()
    meant = identify(process.pid)
    assert meant is not None
    assert end(process) == 0
    assert not end_process(meant)


def test_a_stranger_does_not_descend_from_a_process_beside_it() -> None:
    import os

    one, other = start(), start()
    try:
        assert descends(one.pid, os.getpid())
        assert not descends(one.pid, other.pid)
        assert not descends(one.pid, one.pid)
    finally:
        end(one)
        end(other)
    assert not descends(one.pid, os.getpid())
