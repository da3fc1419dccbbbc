"""Whether the owner or the guardian is killed or stopped, no process of the tree is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.exit_status import UNKNOWN, ExitStatus
from sidecar.errors import InternalError
from sidecar.process import guardian as guardians
from sidecar.process import posix_run
from sidecar.process.link import GuardianLink
from sidecar.process.posix import PosixProcessLayer
from tests.support.processes import SLACK, Found, is_alive, marked, open_descriptors, until, wait_until
from tests.support.runs import CHILDREN, Recorder, child, python, spec

FAMILIES = ["plain", "daemon", "double_fork", "bare", "pipe_holder", pytest.param("storm", marks=pytest.mark.heavy)]
MOMENTS = ["booting", "running", "stopping"]
PROMISE = 2.0 + SLACK  # seconds, of the no-orphan guarantee
linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS has no subreaper and no parent death signal")


def cases() -> Iterator[Any]:
    """Every kind while it runs, and two of them at each other moment; the others with the slow tests."""
    at_once = {"booting": {"plain", "bare"}, "stopping": {"double_fork", "pipe_holder"}}
    for kind in ("plain", "daemon", "double_fork", "bare", "pipe_holder", "storm"):
        for moment in MOMENTS:
            marks = [] if kind in at_once.get(moment, {kind}) else [pytest.mark.slow]
            yield pytest.param(kind, moment, marks=[*marks, *([pytest.mark.heavy] if kind == "storm" else [])])


class Owner:
    """tests/children/owner.py, and everything that it started, found by its own marker."""

    def __init__(
        self, moment: str, *command: str, folder: str = "-", exact: bool = True, wrapper: tuple[str, ...] = ()
    ) -> None:
        self.marker = f"TEST_OWNER={uuid.uuid4()}"
        name, _, value = self.marker.partition("=")
        self.process = subprocess.Popen(
            [
                *wrapper,
                sys.executable,
                str(CHILDREN / "owner.py"),
                moment,
                folder,
                "exact" if exact else "portable",
                *command,
            ],
            stdin=subprocess.PIPE,  # its end is the end of the test
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, name: value},
        )
        words = dict(word.split("=") for word in self.process.stdout.readline().split())
        self.guardian, self.backend = int(words["guardian"]), int(words["backend"])

    def left(self) -> list[int]:
        return [found.pid for found in marked(self.marker)]

    def adopted(self) -> list[Found]:
        return [found for found in marked(self.marker) if found.parent == self.process.pid]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.left())
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def own(request: pytest.FixtureRequest):
    owners = []

    def start(moment: str, *command: str, **more):
        owners.append(Owner(moment, *command, **more))
        return owners[-1]

    yield start
    for owner in owners:
        owner.close()


@pytest.mark.parametrize(("kind", "moment"), list(cases()))
def test_nothing_is_left_when_the_owner_is_killed(own, kind: str, moment: str) -> None:
    owner = own(moment, *child("family", kind, *(["--stubborn"] if moment == "stopping" else [])))
    if moment != "booting":
        assert len(owner.left()) >= 3
    owner.kill()
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
    wait_until(lambda: not is_alive(owner.guardian), PROMISE)


@linux
@pytest.mark.parametrize(("kind", "moment"), list(cases()))
def test_nothing_is_left_when_the_guardian_is_killed(own, kind: str, moment: str) -> None:
    owner = own(moment, *child("family", kind, *(["--stubborn"] if moment == "stopping" else [])))
    os.kill(owner.guardian, signal.SIGKILL)
    if moment == "booting":
        # Killed before the execve, the launch is tried again with a new guardian, else the run has ended: either way
        # nothing but a new guardian may be left to the owner.
        wait_until(lambda: all(guardians.HIDDEN_ARGUMENT in found.command for found in owner.adopted()), PROMISE)
        owner.kill()
        wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
        return
    wait_until(lambda: owner.left() == [owner.process.pid], PROMISE, what=owner.left)
    assert owner.process.poll() is None


@linux
def test_a_stopped_guardian_wakes_and_kills_when_its_owner_is_killed(own) -> None:
    owner = own("running", *child("family", "double_fork"))
    os.kill(owner.guardian, signal.SIGSTOP)
    owner.kill()
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)


def test_the_check_sees_what_is_left(own) -> None:
    owner = own("running", *child("family", "daemon"))
    assert {owner.process.pid, owner.backend} < set(owner.left())


@linux
async def test_a_stopped_guardian_does_not_hide_the_end_of_the_backend(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    run = await layer.launch(spec(child("family", "daemon")), recorder)
    await recorder.has_written(b"ready")
    os.kill(layer.guardian.pid, signal.SIGSTOP)
    os.kill(run.identity.pid, signal.SIGKILL)
    assert await recorder.is_gone(PROMISE) == []
    assert recorder.status == ExitStatus(signal=signal.SIGKILL)


async def test_a_stopped_guardian_obeys_a_stop(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    run = await layer.launch(spec(child("family", "daemon")), recorder)
    await recorder.has_written(b"ready")
    os.kill(layer.guardian.pid, signal.SIGSTOP)
    run.interrupt()
    assert await recorder.is_gone(PROMISE) == []
    assert recorder.status == ExitStatus(signal=signal.SIGTERM)


@linux
async def test_a_guardian_that_never_answers_is_replaced_by_the_sidecar(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    run = await layer.launch(spec(child("family", "daemon")), recorder)
    await recorder.has_written(b"ready")
    monkeypatch.setattr(GuardianLink, "wake", lambda _self: None)  # as if a debugger held it
    os.kill(layer.guardian.pid, signal.SIGSTOP)
    run.kill()
    assert await recorder.is_gone() == []
    assert recorder.status == UNKNOWN
    assert marked(layer.marker) == []


@linux
@pytest.mark.slow
async def test_a_guardian_that_is_traced_does_not_hide_the_end_of_the_backend(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal wakes the guardian, so the backend counted as running forever."""
    monkeypatch.setattr(posix_run, "_REPORT_TIMEOUT", 0.5)
    recorder = Recorder()
    seize, interrupt = 0x4206, 0x4207  # of linux/ptrace.h
    code = (
        "import ctypes, os, time; guardian = os.getppid(); libc = ctypes.CDLL(None)\n"
        "if os.fork() == 0:\n"
        f"    os.setsid(); libc.ptrace({seize}, guardian, None, None); libc.ptrace({interrupt}, guardian, None, None)\n"
        "    print('ready', flush=True); time.sleep(600)\n"
        "time.sleep(600)"
    )
    run = await layer.launch(spec((sys.executable, *python(code)[1:]), force_kill=60), recorder)
    await recorder.has_written(b"ready")
    status = Path(f"/proc/{layer.guardian.pid}/stat")
    wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "t", PROMISE)
    guardian = layer.guardian.pid
    os.kill(run.identity.pid, signal.SIGKILL)
    assert await recorder.is_gone(PROMISE) == []
    assert recorder.status == UNKNOWN
    assert marked(layer.marker) == []
    await until(lambda: not Path(f"/proc/{guardian}").exists(), PROMISE)


@linux
@pytest.mark.parametrize("kind", FAMILIES)
async def test_the_sidecar_kills_what_a_killed_guardian_leaves(
    layer: PosixProcessLayer, reports: list[str], kind: str
) -> None:
    recorder = Recorder()
    run = await layer.launch(spec(child("family", kind)), recorder)
    await recorder.has_written(b"ready")
    guardian = layer.guardian
    os.kill(guardian.pid, signal.SIGKILL)
    assert await recorder.is_gone(PROMISE) == []
    assert recorder.status == UNKNOWN
    assert recorder.order[-2:] == ["exited", "gone"]
    assert marked(layer.marker) == []
    assert run.processes() == []
    (report,) = reports
    assert report.startswith(
        f"The guardian of the backend (pid {guardian.pid}) was killed; the sidecar ends the backend"
    )
    # and the next run has a new one
    recorder = Recorder()
    await layer.launch(spec(child("leave", "code", 4)), recorder)
    await recorder.is_gone()
    assert recorder.status == ExitStatus(code=4)
    assert layer.guardian != guardian


async def test_a_guardian_that_was_killed_while_idle_is_replaced(layer: PosixProcessLayer) -> None:
    for _attempt in range(3):
        os.kill(layer.guardian.pid, signal.SIGKILL)
        recorder = Recorder()
        await layer.launch(spec(child("leave", "code", 0)), recorder)
        await recorder.is_gone()
        assert recorder.status == ExitStatus(code=0)


async def test_a_launch_survives_the_guardians_death_in_the_middle(layer: PosixProcessLayer) -> None:
    recorder = Recorder()
    launching = asyncio.ensure_future(layer.launch(spec(child("leave", "code", 0)), recorder))
    await asyncio.sleep(0)
    os.kill(layer._guardian.pid, signal.SIGKILL)
    await launching
    await recorder.is_gone()


async def test_guardians_that_end_at_once_are_not_retried_forever(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardians, "_command", lambda: ["/bin/false"])
    os.kill(layer._guardian.pid, signal.SIGKILL)
    with pytest.raises(InternalError, match="ended 3 times"):
        await layer.launch(spec(("/bin/true",)), Recorder())


async def test_a_guardian_that_cannot_be_executed_is_reported(
    layer: PosixProcessLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardians, "_command", lambda: ["/nowhere/python"])
    os.kill(layer._guardian.pid, signal.SIGKILL)
    with pytest.raises(InternalError, match="cannot be started"):
        await layer.launch(spec(("/bin/true",)), Recorder())
    monkeypatch.undo()
    recorder = Recorder()
    await layer.launch(spec(child("leave", "code", 0)), recorder)
    await recorder.is_gone()


async def test_a_launch_wakes_a_stopped_guardian(layer: PosixProcessLayer) -> None:
    os.kill(layer._guardian.pid, signal.SIGSTOP)
    recorder = Recorder()
    await layer.launch(spec(child("leave", "code", 0)), recorder)
    await recorder.is_gone()


def test_what_a_terminal_sends_does_not_end_the_guardian(own) -> None:
    owner = own("running", *child("family", "none"))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(owner.guardian, number)
    assert os.getpgid(owner.guardian) != os.getpgid(owner.process.pid)
    owner.kill()  # only now, and for this reason, it goes: and takes the backend with it
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)


def test_the_guardian_holds_no_descriptor_of_its_owner_but_stderr_and_the_backends_output(own) -> None:
    owner = own("running", *child("family", "none"))
    # null, null, stderr, lifeline, both ends of its wake-up pipe, and the read ends of stdout and stderr
    assert open_descriptors(owner.guardian) == 8
    os.kill(owner.guardian, signal.SIGSTOP)  # holding stdout, it would keep this read waiting
    owner.process.kill()
    assert owner.process.stdout.read() == ""


@linux
def test_a_forked_guardian_is_small(own) -> None:
    import psutil

    owner = own("running", *child("family", "none"))
    assert psutil.Process(owner.guardian).memory_info().rss <= 12 << 20


def test_a_frozen_executable_is_its_own_guardian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert guardians._command() == [sys.executable, guardians.HIDDEN_ARGUMENT]


@pytest.mark.heavy
@pytest.mark.slow
async def test_two_hundred_runs_leave_descriptors_threads_and_processes_as_they_were(layer: PosixProcessLayer) -> None:
    import psutil

    me = psutil.Process()

    async def cycle(number: int) -> None:
        recorder = Recorder()
        command = child("family", "daemon", "--exit", 1) if number % 10 == 0 else ("/bin/false",)
        await layer.launch(spec(command), recorder)
        await recorder.is_gone()
        assert recorder.status == ExitStatus(code=1)

    async def counts() -> tuple[int, int, int, int]:
        guardian = layer.guardian.pid
        return (me.num_fds(), me.num_threads(), len(me.children(recursive=True)), open_descriptors(guardian))

    for number in range(10):
        await cycle(number)
    before = await counts()
    resident = me.memory_info().rss, psutil.Process(layer.guardian.pid).memory_info().rss
    for number in range(200):
        await cycle(number)
    assert await counts() == before
    after = me.memory_info().rss, psutil.Process(layer.guardian.pid).memory_info().rss
    assert after[0] - resident[0] < 4 << 20
    assert after[1] - resident[1] < 1 << 20


async def test_a_failed_exec_leaks_nothing(layer: PosixProcessLayer) -> None:
    before = None
    for _attempt in range(30):
        with pytest.raises(Exception, match="does not exist"):
            await layer.launch(spec(("/nowhere/program",)), Recorder())
        now = (open_descriptors(os.getpid()), open_descriptors(layer._guardian.pid))
        before = before or now
    assert now == before
