"""If /proc is missing or hides processes, still nothing is left, no loop spins, and the log says what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sidecar.process import descendants, tree
from sidecar.process.posix import PosixProcessLayer
from tests.process.posix.test_guardian import PROMISE, own  # noqa: F401 - a fixture
from tests.process.posix.test_stop import launcher, shell
from tests.support.processes import is_alive, wait_until
from tests.support.runs import Recorder, child, spec

if sys.platform != "linux":
    pytest.skip("elsewhere the process table is not a file system", allow_module_level=True)

# A file system without anything in it, over /proc, for this process and what it starts.
WITHOUT_PROC = (
    "unshare",
    *(("--map-root-user",) if os.getuid() else ()),
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs none /proc && exec "$@"',
    "sh",
)


@pytest.fixture(scope="module", autouse=True)
def _can_unshare() -> None:
    if subprocess.run([*WITHOUT_PROC, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no mount namespace")


@pytest.mark.parametrize(
    "kind",
    ["plain", "double_fork", *(pytest.param(one, marks=pytest.mark.slow) for one in ("daemon", "bare", "pipe_holder"))],
)
@pytest.mark.parametrize("victim", ["owner", "guardian"])
def test_nothing_is_left_when_either_is_killed(own, kind: str, victim: str) -> None:  # noqa: F811
    owner = own("running", *child("family", kind, "--stubborn"), wrapper=WITHOUT_PROC)
    assert len(owner.left()) >= 3
    if victim == "owner":
        owner.kill()
    else:
        os.kill(owner.guardian, signal.SIGKILL)
    expected = [] if victim == "owner" else [owner.process.pid]
    wait_until(lambda: owner.left() == expected, PROMISE, what=owner.left)
    wait_until(lambda: not is_alive(owner.guardian), PROMISE)


@pytest.mark.slow
def test_a_process_that_is_saving_behind_a_launcher_ends_by_itself(own, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "file"
    owner = own("stopping", *shell(launcher("worker", file)), wrapper=WITHOUT_PROC)
    wait_until(lambda: owner.left() == [owner.guardian, owner.process.pid], what=owner.left)
    assert file.read_text() == "asked\nsaved\n"
    assert is_alive(owner.guardian)


@pytest.mark.slow
def test_the_guardian_does_not_spin(own, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "file"
    owner = own("stopping", *shell(launcher("worker", file, 1.5)), wrapper=WITHOUT_PROC)
    wait_until(file.exists)
    wait_until(lambda: "saved" in file.read_text())
    times = psutil.Process(owner.guardian).cpu_times()
    assert times.user + times.system < 0.8  # seconds; of the 1.5 that it waits


def test_a_child_is_found_that_proc_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(child("family", "none"), stdout=subprocess.PIPE)
    try:
        assert {entry.pid for entry in descendants.hidden_children(process.pid)} >= {process.pid}
        monkeypatch.setattr(tree, "can_list_children", lambda: False)
        # Of the children of other tests in this process some may have ended.
        is_running = tree.is_running_child
        monkeypatch.setattr(tree, "is_running_child", lambda pid=0: pid == 0 or is_running(pid))
        newest = descendants._newest_pid()  # as after the kernel started again at the lowest
        again = [entry.pid for entry in descendants.hidden_children(newest)]
        assert process.pid in again
        found = {entry.pid: entry for entry in descendants.hidden_children(process.pid)}
        assert found[process.pid].alive
        assert tree.send(found[process.pid], signal.SIGKILL)
        process.wait()
        assert not tree.send(found[process.pid], signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()


async def test_with_a_hidden_process_no_message_says_that_another_program_listens(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with hidepid=2 and a child that may not be traced: its sockets are invisible, so the port's owner stays unknown."""
    recorder = Recorder()
    run = await layer.launch(spec(child("launcher", "double", os.devnull, 0)), recorder)
    await recorder.has_written(b"ready")
    root, worker = (process.pid for process in run.processes())
    assert run.listeners() == []
    read_entry = tree.read_entry
    monkeypatch.setattr(tree, "read_entry", lambda pid: None if pid == worker else read_entry(pid))
    assert {process.pid for process in run.processes()} == {root, worker}
    assert run.listeners() is None
    run.kill()
    await recorder.is_gone()
    assert not is_alive(worker)


def test_missing_guarantees_are_reported_at_the_start(own) -> None:  # noqa: F811
    code = (
        "import os; from sidecar.process.guardian import fork_guardian; guardian = fork_guardian()\n"
        "from sidecar.process.posix import PosixProcessLayer; PosixProcessLayer(guardian, print, '/nowhere')"
    )
    said = subprocess.run(
        [*WITHOUT_PROC, sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert said.startswith("/proc is not readable here, or belongs to another pid namespace. The backend")
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == ""


def test_the_proc_of_an_outer_pid_namespace_names_no_process(own) -> None:  # noqa: F811
    """There, one of our pids is another program's, whose children were taken for the backend's and would have been killed."""
    outer = own("running", *child("family", "plain")).process.pid
    code = (
        "import os, sys; from sidecar.process import tree; parent = int(sys.argv[1])\n"
        "with open('/proc/sys/kernel/ns_last_pid', 'w') as file: file.write(str(parent - 1))\n"
        "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "print(os.getpid() == parent, tree.read_entry(parent), list(tree.walk((parent,))), flush=True)"
    )
    assert tree.read_entry(outer) is not None
    assert list(tree.walk((outer,)))
    command = ["unshare", "--map-root-user", "--pid", "--fork", sys.executable, "-c", code, str(outer)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said == "True None []\n"
