from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.exit_status import UNKNOWN as UNKNOWN_END
from sidecar.core.exit_status import ExitStatus
from sidecar.process.oom_kills import read, was_killed

KILL = ExitStatus(signal=9)


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_counter_of_a_cgroup_v2_is_read(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "0::/user.slice/app.scope\n")
    put(tmp_path, "sys/fs/cgroup/user.slice/app.scope/memory.events", "low 0\noom 2\noom_kill 3\n")
    put(tmp_path, "proc/vmstat", "nr_free_pages 1\noom_kill 7\n")
    assert read(str(tmp_path)) == (3, 7)


def test_the_counter_of_a_cgroup_v1_is_read(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n")
    put(tmp_path, "sys/fs/cgroup/memory/docker/abc/memory.oom_control", "under_oom 0\noom_kill 1\n")
    assert read(str(tmp_path)) == (1, None)


def test_a_system_without_such_files_knows_nothing(tmp_path: Path) -> None:
    assert read(str(tmp_path)) == (None, None)
    put(tmp_path, "proc/self/cgroup", "nonsense\n")
    put(tmp_path, "proc/vmstat", "oom_kill many\n")
    assert read(str(tmp_path)) == (None, None)


@pytest.mark.posix(reason="/proc/vmstat is Linux's")
@pytest.mark.skipif(sys.platform != "linux", reason="/proc/vmstat is Linux's")
def test_the_system_counter_is_read_on_a_real_kernel() -> None:
    assert read()[1] is not None


@pytest.mark.parametrize(
    ("before", "after", "status", "verdict"),
    [
        ((0, 0), (1, 1), KILL, True),
        ((0, 0), (1, 1), ExitStatus(code=137), True),
        ((0, 5), (0, 5), KILL, False),
        ((None, 5), (None, 5), KILL, False),
        ((0, 5), (0, 6), KILL, None),  # perhaps another container's process
        ((None, None), (None, None), KILL, None),
        ((0, 5), (0, 6), ExitStatus(signal=6), False),
        ((0, 0), (1, 1), ExitStatus(code=1), True),  # of its program, by a launcher
        ((0, 0), (0, 0), UNKNOWN_END, None),
    ],
)
def test_the_verdict_comes_from_signal_and_counters(
    before: tuple[Any, Any], after: tuple[Any, Any], status: ExitStatus, verdict: bool | None
) -> None:
    assert was_killed(before, after, status) is verdict
