"""A stop stops the whole tree: processes that a launcher leaves behind get the signal, and the remaining time."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.process.posix import PosixProcessLayer
from tests.process.posix.test_guardian import PROMISE, own  # noqa: F401 - a fixture
from tests.support.backends import free_port
from tests.support.processes import SLACK, is_alive, marked, until, wait_until
from tests.support.runs import Recorder, child, spec

GRACE = 20.0  # seconds; so long that no test may need it


def launcher(kind: str, file: Path, seconds: float = 0.3) -> tuple[str, ...]:
    return child("launcher", kind, file, seconds)


def shell(command: tuple[str, ...], depth: int = 1) -> tuple[str, ...]:
    """The command behind so many shells; each has more to do afterwards, so that none becomes the command itself."""
    for _level in range(depth):
        command = ("/bin/sh", "-c", f"{shlex.join(command)}; true")
    return command


async def start(layer: PosixProcessLayer, command: tuple[str, ...], *, ready: int = 1, **more: object):
    recorder = Recorder()
    run = await layer.launch(spec(command, **more), recorder)
    await until(lambda: recorder.out.count(b"ready") >= ready, what=lambda: bytes(recorder.err))
    return run, recorder


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["itself", "sh", "sh-in-sh"])
async def test_a_process_that_is_saving_behind_a_launcher_ends_by_itself(
    layer: PosixProcessLayer, tmp_path: Path, depth: int
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("worker", file), depth))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text().split("\n")[:2] == ["asked", "saved"]
    assert run.killed == []
    assert recorder.status == (ExitStatus(signal=signal.SIGTERM) if depth else ExitStatus(code=0))
    assert marked(layer.marker) == []


async def test_workers_whose_master_ends_at_once_all_save(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("workers", file), ready=3)
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert sorted(line for line in file.read_text().splitlines() if "saved" in line) == [
        "0 saved",
        "1 saved",
        "2 saved",
    ]
    assert run.killed == []


async def test_only_the_launcher_is_asked_if_it_forwards_the_signal(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("double", file)))
    run.interrupt(GRACE)
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process has taken the signal")
@pytest.mark.parametrize("kind", ["once", "worker"])
@pytest.mark.parametrize(
    "trap",
    ["trap 'kill $child' TERM; wait $child", "trap 'trap - TERM; kill 0' TERM; wait $child"],
    ids=["wait", "group"],
)
async def test_a_launcher_that_forwards_the_signal_and_exits_does_not_interrupt_a_process_that_is_saving(
    layer: PosixProcessLayer, tmp_path: Path, kind: str, trap: str
) -> None:
    """A second signal would end one worker, so a worker that counts signals gets another one only when its time is over."""
    file = tmp_path / "file"
    script = f"{shlex.join(launcher(kind, file, 1.0))} & child=$!; {trap}"
    run, recorder = await start(layer, ("/bin/sh", "-c", script))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text().splitlines()[0] == "asked"
    if kind == "once" or "kill 0" not in trap:
        assert file.read_text() == "asked\nsaved\n"
    assert run.killed == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process has taken the signal")
async def test_a_server_that_closed_its_socket_at_its_launchers_signal_gets_no_second_one(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    """As concurrently sends it. The signal ends the shell between them, so the server looks like one that nothing has asked."""
    file = tmp_path / "file"
    run, recorder = await start(layer, (*launcher("tree", file, 1.0), str(free_port())), ready=2)
    run.interrupt(4.0)
    await until(lambda: file.exists() and "saved" in file.read_text())
    run.kill()
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process has taken the signal")
async def test_a_launcher_that_blocks_the_signal_and_reads_it_does_not_interrupt_a_process_that_is_saving(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    """As dumb-init does."""
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("reader", file, 1.0))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process has taken the signal")
async def test_a_process_that_a_launcher_with_a_handler_did_not_ask_is_asked_in_time(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    script = f"{shlex.join(launcher('worker', file, 0.0))} & trap 'exit 0' TERM; wait"
    run, recorder = await start(layer, ("/bin/sh", "-c", script))
    began = time.monotonic()
    run.interrupt(10.0)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert time.monotonic() - began < 7.4  # a quarter of the time, and not the last one


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows who reads a pipe")
@pytest.mark.parametrize(
    "reader",
    ["cat", "(trap 'exit 1' TERM; cat)", "grep --line-buffered . | cat"],
    ids=["cat", "with a handler", "the second"],
)
async def test_the_reader_of_the_output_of_a_process_that_is_saving_outlives_it(
    layer: PosixProcessLayer, tmp_path: Path, reader: str
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, ("/bin/sh", "-c", f"{shlex.join(launcher('once', file))} | {reader}; true"))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert b"saving" in recorder.out
    assert run.killed == []


@pytest.mark.skipif(sys.platform != "linux", reason="those of util-linux")
@pytest.mark.parametrize(
    "impatient", ["su", *(pytest.param(one, marks=pytest.mark.slow) for one in ("script", "runuser"))]
)
async def test_a_child_is_asked_in_place_of_a_launcher_that_would_soon_kill_it(
    layer: PosixProcessLayer, tmp_path: Path, impatient: str
) -> None:
    program = shutil.which(impatient)
    if program is None or (impatient != "script" and os.geteuid() != 0):
        pytest.skip("only root becomes another user without a password")
    file = tmp_path / "file"
    command = shlex.join(launcher("worker", file, 2.5))
    arguments = ("-qc", command, os.devnull) if impatient == "script" else ("root", "-c", command)
    run, recorder = await start(layer, (program, *arguments))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert run.killed == []


# As unbuffer and pty.spawn do
TERMINAL = """
import os, pty, sys
pid, master = pty.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
try:
    while data := os.read(master, 1000):
        os.write(1, data)
except OSError:
    os.waitpid(pid, 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows who holds a terminal")
async def test_a_root_that_would_hang_up_the_terminal_of_its_child_is_asked_after_it(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, (sys.executable, "-c", TERMINAL, *launcher("worker", file)))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert recorder.status == ExitStatus(code=0)
    assert run.killed == []


RELAY = """
import subprocess, sys
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as worker:
    for line in worker.stdout:
        print(line.decode(), end="", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows who reads a pipe")
@pytest.mark.parametrize("depth", [0, 1], ids=["itself", "sh"])
@pytest.mark.parametrize("signal_name", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
async def test_a_launcher_without_a_handler_that_reads_the_output_is_asked_after_it(
    layer: PosixProcessLayer, tmp_path: Path, depth: int, signal_name: str
) -> None:
    file = tmp_path / "file"
    script = RELAY if signal_name == "SIGTERM" else f"import signal; signal.signal(2, signal.SIG_DFL)\n{RELAY}"
    command = shell((sys.executable, "-I", "-S", "-c", script, *launcher("once", file)), depth)
    more = {"stop_signal": signal_name, "env": {**os.environ, "STOP": signal_name}}
    run, recorder = await start(layer, command, **more)
    run.interrupt(GRACE / 2)  # at half of it all are asked
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert b"saving" in recorder.out
    assert run.killed == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere who was there before the stop is not known")
@pytest.mark.parametrize(
    "trap",
    [
        "(sleep 2.5; echo saved) & exit",
        pytest.param("sleep 2.5 && echo saved; exit", marks=pytest.mark.slow),
        pytest.param("setsid sh -c 'sleep 2.5; echo saved' & exit", marks=pytest.mark.slow),
    ],
)
async def test_the_command_with_which_a_trap_saves_is_not_asked(layer: PosixProcessLayer, trap: str) -> None:
    """Nor after the script that started it has exited."""
    script = f"trap {shlex.quote(trap)} TERM; echo ready; while :; do sleep 0.02; done"
    run, recorder = await start(layer, ("/bin/sh", "-c", script))
    run.interrupt(4.0)
    assert await recorder.is_gone() == []
    assert recorder.out.endswith(b"saved\n")
    assert run.killed == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an orphan is not seen to be one")
async def test_a_process_without_its_launcher_is_asked_while_the_root_lives_and_a_daemon_after_it(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    """As behind concurrently or strace, which exit when everything they started has exited."""
    file = tmp_path / "file"
    worker = shlex.join(launcher("worker", file))
    script = (
        f"(setsid {worker} &); {shlex.join(shell(launcher('worker', file)))} & trap 'kill $!' TERM;"
        f" until grep -qs saved {file}; do sleep 0.02; done"
    )
    run, recorder = await start(layer, ("/bin/sh", "-c", script), ready=2)
    run.interrupt(8.0)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n" * 2
    assert run.killed == []


async def test_a_stopped_child_goes_on_when_the_stop_begins(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("double", file))
    (worker,) = [process.pid for process in run.processes() if process != run.identity]
    os.kill(worker, signal.SIGSTOP)
    await until(lambda: psutil.Process(worker).status() == psutil.STATUS_STOPPED)
    began = time.monotonic()
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert time.monotonic() - began < GRACE / 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing shows whether a process handles the signal")
@pytest.mark.parametrize("depth", [0, 1], ids=["itself", "sh"])
@pytest.mark.parametrize("kind", ["once", "worker"])
async def test_a_signal_to_every_process_is_the_one_that_each_gets(
    layer: PosixProcessLayer, tmp_path: Path, depth: int, kind: str
) -> None:
    """As sent by systemd at a logout, and by tree-kill; the sidecar, which gets it too, starts its stop a moment later."""
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher(kind, file, 0.7), depth))
    for pid in (layer._guardian.pid, *(process.pid for process in run.processes())):
        os.kill(pid, signal.SIGTERM)
    await until(file.exists)
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert run.killed == []


async def test_what_a_root_leaves_gets_time_if_another_program_asked_the_root_to_end(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("worker", file, 0.1)), alone=8.0)
    os.kill(run.identity.pid, signal.SIGTERM)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert run.killed == []
    assert recorder.status == ExitStatus(signal=signal.SIGTERM)


async def test_the_time_for_what_a_root_leaves_is_bounded(layer: PosixProcessLayer, tmp_path: Path) -> None:
    run, recorder = await start(layer, shell(launcher("worker", tmp_path / "file", 600)), alone=0.3)
    os.kill(run.identity.pid, signal.SIGTERM)
    assert await recorder.is_gone() == []
    assert len(run.killed) == 1


async def test_a_server_has_its_store_until_it_has_ended(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("server", file))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text().splitlines() == ["server asked", "server saved", "store asked", "store saved"]
    assert run.killed == []


async def test_the_whole_group_is_asked_at_once_where_that_is_set(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("server", file, 0.1), stop_signal_to="group")
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert set(file.read_text().splitlines()[:2]) == {"server asked", "store asked"}
    assert file.read_text().splitlines()[-1] in ("store saved", "server lost its store", "server saved")


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1"])
async def test_another_signal_is_sent_where_that_is_set(layer: PosixProcessLayer, tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    command = shell(launcher("worker", file, 0.0))
    run, recorder = await start(layer, command, stop_signal=name, env={**os.environ, "STOP": name})
    run.interrupt(5.0)  # a shell that waits for its child obeys no SIGINT: the child is asked by the last call
    assert await recorder.is_gone() == []
    assert "asked\nsaved\n" in file.read_text()


async def test_a_process_behind_a_busy_launcher_is_asked_before_it_is_killed(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, launcher("trap", file, 0.0))
    run.interrupt(4.0)
    await until(lambda: len(run.processes()) == 1)
    assert recorder.status is None
    run.kill()
    assert await recorder.is_gone() == []
    assert file.read_text().splitlines()[:3] == ["trapped", "asked", "saved"]
    assert [killed.pid for killed in run.killed] == [run.identity.pid]


async def test_a_process_that_takes_too_long_is_killed_and_named(layer: PosixProcessLayer, tmp_path: Path) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("worker", file, 600)))
    run.interrupt(GRACE)
    await until(lambda: file.exists() and "asked" in file.read_text())
    (left,) = run.processes()
    run.kill()
    assert await recorder.is_gone() == []
    assert [killed.pid for killed in run.killed] == [left.pid]
    assert run.killed[0].name.startswith("python")
    assert "saved" not in file.read_text()


async def test_what_an_unexpectedly_exiting_root_leaves_is_killed_at_once_and_named(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("worker", file)))
    os.kill(run.identity.pid, signal.SIGKILL)
    assert await recorder.is_gone() == []
    assert len(run.killed) == 1
    assert not file.exists()


async def test_after_another_request_to_end_the_roots_end_does_not_end_the_rest(
    layer: PosixProcessLayer, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    run, recorder = await start(layer, shell(launcher("worker", file)))
    run.begin_stop()
    os.kill(run.identity.pid, signal.SIGUSR1)  # it ends because of the request, say
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert run.killed == []


@pytest.mark.parametrize("depth", [0, 1], ids=["itself", "sh"])
def test_a_process_that_is_saving_gets_time_when_the_sidecar_is_killed(own, tmp_path: Path, depth: int) -> None:  # noqa: F811
    file = tmp_path / "file"
    owner = own("running", *shell(launcher("worker", file, 0.2), depth))
    owner.kill()
    wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
    assert file.read_text() == "asked\nsaved\n"
    wait_until(lambda: not is_alive(owner.guardian), PROMISE)


@pytest.mark.skipif(sys.platform != "linux", reason="pthread_exit of the main thread ends the process elsewhere")
class TestAProcessWhoseMainThreadHasEnded:
    """The process looks like a zombie, and lives."""

    @pytest.mark.parametrize("depth", [0, 1], ids=["itself", "sh"])
    async def test_is_seen_asked_and_killed(self, layer: PosixProcessLayer, tmp_path: Path, depth: int) -> None:
        run, recorder = await start(layer, shell(launcher("threads", tmp_path / "file"), depth))
        assert len(run.processes()) == 1 + depth
        assert len(marked(layer.marker)) == 1 + depth
        begin = time.monotonic()
        run.kill()
        assert await recorder.is_gone() == []
        assert recorder.times["gone"] - begin < 1.0 + SLACK
        assert marked(layer.marker) == []

    def test_ends_with_its_owner_and_the_guardian_does_not_linger(self, own, tmp_path: Path) -> None:  # noqa: F811
        owner = own("running", *shell(launcher("threads", tmp_path / "file")))
        assert len(owner.left()) == 4  # owner, guardian, shell and this one
        owner.kill()
        wait_until(lambda: not owner.left(), PROMISE, what=owner.left)
        wait_until(lambda: not is_alive(owner.guardian), PROMISE)


# Says so only after a while, so that the pipes have to be open for longer than the root lives.
SLOW = "trap 'sleep 0.8; echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done"


async def test_what_a_launcher_leaves_behind_can_print_until_its_end(layer: PosixProcessLayer) -> None:
    run, recorder = await start(layer, shell(("/bin/sh", "-c", SLOW)))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert recorder.out.endswith(b"saved\n")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root makes pid namespaces everywhere")
async def test_a_process_below_the_first_of_a_pid_namespace_is_asked_in_time(layer: PosixProcessLayer) -> None:
    command = ("/usr/bin/unshare", "--pid", "--fork", *shell(("/bin/sh", "-c", SLOW.replace("0.8", "0"))))
    run, recorder = await start(layer, command)
    began = time.monotonic()
    run.interrupt(10.0)  # unshare blocks the signal, and its child gets none: at half time the shell behind is asked
    assert await recorder.is_gone() == []
    assert recorder.out.endswith(b"saved\n")
    assert time.monotonic() - began < 7.4


# As bwrap --die-with-parent does: what it starts has mounts of its own, and is killed with it.
HOLDER = """
import ctypes, os, sys
if pid := os.fork():
    os.waitpid(pid, 0)
    os._exit(0)
libc = ctypes.CDLL(None)
assert libc.unshare(0x20000) == 0 and libc.prctl(1, 9, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root makes mount namespaces everywhere")
@pytest.mark.parametrize("inside", [0, 1], ids=["itself", "sh"])
async def test_a_root_whose_end_would_end_its_namespace_is_not_asked_itself(
    layer: PosixProcessLayer, tmp_path: Path, inside: int
) -> None:
    """Nor a shell there, because the job would end with it."""
    file = tmp_path / "file"
    run, recorder = await start(layer, (sys.executable, "-c", HOLDER, *shell(launcher("worker", file), inside)))
    run.interrupt(GRACE)
    assert await recorder.is_gone() == []
    assert file.read_text() == "asked\nsaved\n"
    assert recorder.status == ExitStatus(code=0)
