"""The process layer on Windows, with real children; under Linux `tests/windows/run` runs it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
import types
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.exit_status import ExitStatus
from sidecar.errors import BackendNotExecutableError, BackendNotFoundError
from sidecar.process.spec import LaunchSpec
from tests.support.backends import aspnet_backend, aspnet_missing
from tests.support.processes import SLACK, until
from tests.support.runs import Recorder

if sys.platform != "win32":
    pytest.skip("job objects, console events and NTSTATUS are Windows' own", allow_module_level=True)

import _winapi
import msvcrt

from sidecar.process.event_loop import create_event_loop
from sidecar.process.platform import awake_time
from sidecar.process.windows import early, jobs, layer, lookup, output, rungs, spawn
from sidecar.process.windows.layer import WindowsProcessLayer
from sidecar.process.windows.run import WindowsRun
from sidecar.rpc.stdio.reader import Reader
from sidecar.wire.framing import FrameBuffer

DEADLINE = 20.0
KESTREL = Path(aspnet_backend()[0])
WAIT = "import time; print('ready', flush=True); time.sleep(600)"


class Stage:
    """A layer, what it reported, and shorthands to launch."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.layer = WindowsProcessLayer(self.reports.append)

    async def python(self, code: str, *arguments: str, **limits: Any) -> tuple[WindowsRun, Recorder]:
        return await self.command(sys.executable, "-c", code, *arguments, **limits)

    async def command(
        self,
        *command: str,
        cwd: str = "",
        env: dict[str, str] | None = None,
        **more: Any,
    ) -> tuple[WindowsRun, Recorder]:
        recorder = Recorder()
        environment = {**os.environ, **(env or {})}
        spec = LaunchSpec(command, cwd or str(Path.cwd()), environment, **more)
        return await self.layer.launch(spec, recorder), recorder


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    assert await made.layer.close() == []


def alive(pid: int) -> bool:
    return lookup.identify(pid) is not None


async def test_a_run_reports_its_output_then_its_exit_then_that_it_is_gone(stage: Stage) -> None:
    _, run = await stage.python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    await run.is_gone()
    assert run.out == b"out\r\n"
    assert run.err == b"err\r\n"
    assert run.status == ExitStatus(code=3)
    assert run.survivors == []
    assert run.order[-1] == "gone"


def early_run(code: str, folder: Path) -> early.WindowsEarlyRun:
    spec = LaunchSpec((sys.executable, "-c", code), str(Path.cwd()), dict(os.environ))
    return early.launch_early(spec, str(folder), port=None, notes=())


async def test_a_run_that_was_launched_early_is_adopted(tmp_path: Path) -> None:
    first = early_run(WAIT, tmp_path)
    layer, recorder = WindowsProcessLayer(print, first), Recorder()
    spec = LaunchSpec((sys.executable, "-c", WAIT), str(Path.cwd()), dict(os.environ))
    running = await layer.launch(spec, recorder)
    await recorder.has_written(b"ready")
    assert running.identity == lookup.identify(first.result().pid)
    assert await layer.close() == []
    assert recorder.order[-2:] == ["exited", "gone"]


async def test_an_early_run_that_is_not_what_is_wanted_any_more_is_ended_first(stage: Stage, tmp_path: Path) -> None:
    first = early_run(WAIT, tmp_path)
    stage.layer = WindowsProcessLayer(stage.reports.append, first)
    running, run = await stage.python("print('another', flush=True)")
    assert not alive(first.result().pid)
    assert running.identity.pid != first.result().pid
    await run.is_gone()
    assert run.out == b"another\r\n"
    assert "launched again" in stage.reports[0]


async def test_an_early_run_that_is_never_adopted_ends_with_the_layer(tmp_path: Path) -> None:
    first = early_run(WAIT, tmp_path)
    assert await WindowsProcessLayer(print, first).close() == []
    assert not alive(first.result().pid)


async def test_a_program_that_could_not_be_launched_early_is_refused_at_the_launch(tmp_path: Path) -> None:
    program = str(tmp_path / "server.exe")
    spec = LaunchSpec((program,), str(Path.cwd()), dict(os.environ))
    layer = WindowsProcessLayer(print, early.launch_early(spec, str(tmp_path), port=None, notes=()))
    with pytest.raises(BackendNotFoundError, match="server"):
        await layer.launch(spec, Recorder())
    assert await layer.close() == []


async def test_the_identity_names_the_process_that_was_started(stage: Stage) -> None:
    running, run = await stage.python("import os; print(os.getpid(), flush=True); import time; time.sleep(600)")
    await run.has_written(b"\n")
    assert running.identity.pid == int(run.out)
    assert lookup.identify(running.identity.pid) == running.identity
    assert running.processes() == [running.identity]


def test_a_process_of_another_user_is_identified_too(monkeypatch: pytest.MonkeyPatch) -> None:
    own = lookup.identify(os.getpid())

    def deny(*_: object) -> int:
        raise PermissionError(13, "denied", None, 5)

    monkeypatch.setattr(lookup, "_winapi", types.SimpleNamespace(OpenProcess=deny))
    assert own is not None
    assert lookup.identify(os.getpid()) == own
    assert lookup.identify(0x7FFFFFF0) is None


async def test_a_kill_is_the_end_of_the_whole_tree(stage: Stage) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {WAIT!r}], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    running, run = await stage.python(code)
    await run.has_written(b"\n")
    child = int(run.out)
    assert [process.pid for process in running.processes()] == [running.identity.pid, child]
    began = time.monotonic()
    running.kill()
    running.kill()
    await run.is_gone()
    assert time.monotonic() - began < 1.0 + SLACK
    assert not alive(child)
    assert run.order.count("exited") == run.order.count("gone") == 1
    assert run.status == ExitStatus(code=1)


async def test_when_the_root_ends_a_grandchild_that_holds_the_pipe_is_killed(stage: Stage) -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {WAIT!r}], creationflags=subprocess.CREATE_NEW_PROCESS_GROUP)\n"
        "print(child.pid, flush=True)"
    )
    _, run = await stage.python(code)
    await run.is_gone()
    assert run.times["gone"] - run.times["exited"] < 1.0 + SLACK
    assert not alive(int(run.out.split()[0]))
    assert run.survivors == []


async def test_a_tree_cannot_break_away(stage: Stage) -> None:
    code = (
        "import subprocess, sys\n"
        "try: subprocess.Popen([sys.executable, '-c', ''], creationflags=subprocess.CREATE_BREAKAWAY_FROM_JOB)\n"
        "except PermissionError as error: print('refused', error.winerror)"
    )
    _, run = await stage.python(code)
    await run.is_gone()
    assert run.out == b"refused 5\r\n"


async def test_an_interrupt_is_ctrl_c_to_the_backend(stage: Stage) -> None:
    code = (
        "import time\n"
        "try:\n print('ready', flush=True)\n while True: time.sleep(0.01)\n"
        "except KeyboardInterrupt: print('interrupted', flush=True); raise SystemExit(7)"
    )
    assert b"interrupted" in await what_it_says_when_interrupted(stage, code)


async def what_it_says_when_interrupted(stage: Stage, code: str) -> bytes:
    """The output of a program that prints ``ready``, and exits with 7 on CTRL_C."""
    running, run = await stage.python(code)
    await run.has_written(b"ready")
    running.interrupt()
    await run.is_gone()
    assert run.status == ExitStatus(code=7)
    await until(lambda: any("CTRL_C" in report for report in stage.reports))
    assert "CTRL_C was sent, and the backend ended" in stage.reports
    return bytes(run.out)


async def test_an_interrupt_of_a_backend_that_ignores_it_is_reported_and_kill_still_works(stage: Stage) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGBREAK, signal.SIG_IGN);"
        + WAIT
    )
    running, run = await stage.command(sys.executable, "-c", code, graceful=1.0)
    await run.has_written(b"ready")
    running.interrupt()
    running.interrupt()
    await until(lambda: stage.reports)
    assert "still ran near the end of its time" in stage.reports[0]
    assert run.status is None
    running.kill()
    await run.is_gone()


async def test_a_backend_that_takes_long_to_clean_up_after_ctrl_c_is_left_alone_meanwhile(stage: Stage) -> None:
    code = (
        "import time; print('ready', flush=True)\n"
        "try:\n"
        "  while True: time.sleep(0.01)\n"
        "except KeyboardInterrupt: time.sleep(2.5); print('cleaned up', flush=True); raise SystemExit(7)"
    )
    assert b"cleaned up" in await what_it_says_when_interrupted(stage, code)


async def test_the_console_helper_ends_with_a_backend_that_is_killed_before_its_time_is_over(stage: Stage) -> None:
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);" + WAIT
    running, run = await stage.command(sys.executable, "-c", code, graceful=300.0)
    await run.has_written(b"ready")
    running.interrupt()
    running.kill()
    await run.is_gone()
    assert run.status is not None
    await until(lambda: any("CTRL_C" in report for report in stage.reports))


WINDOWLESS = str(Path(sys.executable).with_name("pythonw.exe"))  # of the subsystem that gets no console
CLOSABLE = (
    "import ctypes, sys\n"
    "from ctypes import wintypes\n"
    "user32 = ctypes.WinDLL('user32')\n"
    "user32.CreateWindowExW.restype = wintypes.HWND\n"
    "window = user32.CreateWindowExW(0, 'STATIC', 'backend', 0, 0, 0, 9, 9, *[None] * 4)\n"
    "user32.IsWindow.argtypes = [wintypes.HWND]\n"
    "print('ready', flush=True)\n"
    "message = wintypes.MSG()\n"
    "while user32.IsWindow(window):\n"
    "    user32.GetMessageW(ctypes.byref(message), None, 0, 0)\n"
    "    user32.DispatchMessageW(ctypes.byref(message))\n"
    "sys.exit(7)"
)


async def test_a_backend_with_windows_and_no_console_is_asked_to_close_them(stage: Stage) -> None:
    running, run = await stage.command(WINDOWLESS, "-c", CLOSABLE, graceful=300.0)
    await run.has_written(b"ready")
    running.interrupt()
    await run.is_gone()
    assert run.status == ExitStatus(code=7)
    await until(lambda: any("windows were asked to close" in report for report in stage.reports))


async def test_a_backend_that_nothing_can_ask_to_end_is_killed_at_once(stage: Stage) -> None:
    running, run = await stage.command(WINDOWLESS, "-c", WAIT, graceful=300.0)
    await run.has_written(b"ready")
    running.interrupt()
    await run.is_gone()
    assert [survivor.pid for survivor in running.killed] == [running.identity.pid]
    assert rungs.UNREACHABLE in stage.reports


async def test_a_backend_that_was_asked_by_other_means_keeps_its_time(stage: Stage) -> None:
    running, run = await stage.command(WINDOWLESS, "-c", WAIT, graceful=300.0)
    await run.has_written(b"ready")
    running.begin_stop()
    running.interrupt()
    await until(lambda: rungs.UNREACHABLE in stage.reports)
    assert run.status is None
    running.kill()
    await run.is_gone()


async def test_a_console_behind_a_launcher_without_one_gets_ctrl_c(stage: Stage, tmp_path: Path) -> None:
    launcher = LAUNCHER.replace("sys.executable", repr(sys.executable)).replace("[1:]])", "[1:]], stdout=sys.stdout)")
    running, run = await stage.command(WINDOWLESS, "-c", launcher, str(tmp_path / "saved"), "0", graceful=300.0)
    await run.has_written(b"ready")
    running.interrupt()
    await until((tmp_path / "saved").exists)
    running.kill()
    await run.is_gone()


async def test_a_second_console_of_the_backend_gets_ctrl_c_too(stage: Stage, tmp_path: Path) -> None:
    """Such as that of cmd.exe's "start /wait", whose program had the whole time of a stop, but was never asked."""
    launcher = LAUNCHER.replace("[1:]])", "[1:]], stdout=sys.stdout, creationflags=subprocess.CREATE_NEW_CONSOLE)")
    running, run = await stage.python(launcher, str(tmp_path / "saved"), "0", graceful=300.0)
    await run.has_written(b"ready")
    running.interrupt()
    await run.is_gone()
    assert (tmp_path / "saved").exists()
    await until(lambda: "CTRL_C was sent, and the backend ended" in stage.reports)


SHARES = (
    "import ctypes, os, sys\n"
    "kernel32 = ctypes.WinDLL('kernel32')\n"
    "kernel32.FreeConsole()\n"
    "kernel32.AttachConsole(int(sys.argv[1]))\n"
)


async def test_a_console_of_another_program_to_which_the_backend_attached_gets_no_ctrl_c(stage: Stage) -> None:
    """Such as the sidecar's, by ATTACH_PARENT_PROCESS: a restart of the backend ended the sidecar."""
    stranger = subprocess.Popen(
        [sys.executable, "-c", WAIT], stdout=subprocess.PIPE, creationflags=subprocess.CREATE_NO_WINDOW
    )
    try:
        assert stranger.stdout is not None
        assert b"ready" in stranger.stdout.readline()
        running, run = await stage.command(sys.executable, "-c", SHARES + WAIT, str(stranger.pid), graceful=300.0)
        await run.has_written(b"ready")
        running.interrupt()
        await run.is_gone()
        assert rungs.UNREACHABLE in stage.reports
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.communicate()


def is_taken(pid: int) -> bool:
    """Whether the system still knows a process, alive or not, under this pid."""
    handle = lookup.hold(pid)
    if handle is not None:
        _winapi.CloseHandle(handle)
    return handle is not None


async def test_the_pid_is_kept_from_reuse_while_an_interrupt_is_pending(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(rungs, "send_console_interrupt", lambda _pids, _listed, _graceful: str(go_on.wait(DEADLINE)))
    running, run = await stage.python(WAIT)
    await run.has_written(b"ready")
    running.interrupt()
    running.kill()
    await run.is_gone()
    assert is_taken(running.identity.pid)
    go_on.set()
    await until(lambda: "True" in stage.reports)
    await until(lambda: not is_taken(running.identity.pid))


SAVING = (
    "import sys, time\n"
    "try:\n print('ready', flush=True)\n while True: time.sleep(0.01)\n"
    "except KeyboardInterrupt: time.sleep(float(sys.argv[2])); open(sys.argv[1], 'w').close()"
)
LAUNCHER = (
    "import os, subprocess, sys, time\n"
    f"subprocess.Popen([sys.executable, '-c', {SAVING!r}, *sys.argv[1:]])\n"
    "try:\n while True: time.sleep(0.01)\n"
    "except KeyboardInterrupt: os._exit(3)"
)


async def behind_a_launcher(stage: Stage, *arguments: object) -> tuple[WindowsRun, Recorder]:
    running, run = await stage.python(LAUNCHER, *map(str, arguments))
    await run.has_written(b"ready")
    return running, run


async def test_a_process_that_is_saving_behind_a_launcher_ends_by_itself(stage: Stage, tmp_path: Path) -> None:
    running, run = await behind_a_launcher(stage, tmp_path / "saved", 1.0)
    running.interrupt(DEADLINE)
    await run.is_gone()
    assert run.status == ExitStatus(code=3)
    assert (tmp_path / "saved").exists()
    assert running.killed == []


async def test_so_does_what_is_saving_behind_cmd(stage: Stage, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(SAVING)
    line = f"{sys.executable} {script} {tmp_path / 'saved'} 1.0 & exit 3"
    running, run = await stage.command(os.environ["COMSPEC"], "/c", line)
    await run.has_written(b"ready")
    running.interrupt(DEADLINE)
    await run.is_gone()
    assert (tmp_path / "saved").exists()
    assert running.killed == []


async def test_what_takes_too_long_behind_a_launcher_is_killed_and_named(stage: Stage, tmp_path: Path) -> None:
    running, run = await behind_a_launcher(stage, tmp_path / "saved", 600.0)
    running.interrupt(DEADLINE)
    await until(lambda: run.status is not None)
    (left,) = running.processes()
    running.kill()
    await run.is_gone()
    assert [killed.pid for killed in running.killed] == [left.pid]
    assert not (tmp_path / "saved").exists()


async def test_a_launcher_that_ends_on_another_request_leaves_the_rest_to_ctrl_c(stage: Stage, tmp_path: Path) -> None:
    running, run = await behind_a_launcher(stage, tmp_path / "saved", 0.5)
    running.begin_stop()
    assert lookup.terminate(running.identity)  # it ends because of the request, say
    await run.is_gone()
    assert (tmp_path / "saved").exists()
    assert running.killed == []


BOXLESS = b"0x8001"  # SEM_FAILCRITICALERRORS and SEM_NOOPENFILEERRORBOX


def test_a_contained_process_shows_no_system_error_in_a_box_and_leaves_dumps_to_windows() -> None:
    code = (
        "import ctypes, msvcrt; from sidecar.process.windows.jobs import contain_self\n"
        "msvcrt.SetErrorMode(2); contain_self(); print(hex(ctypes.windll.kernel32.GetErrorMode()))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], stdin=subprocess.DEVNULL).split() == [BOXLESS]


def test_a_contained_process_loads_no_library_from_its_working_folder(tmp_path: Path) -> None:
    shutil.copy(Path(sys.base_prefix, "vcruntime140.dll"), tmp_path / "planted.dll")
    code = (
        "import ctypes, os, sys\n"
        "os.chdir(sys.argv[1])\n"
        "from sidecar.process.windows.jobs import contain_self\n"
        "kernel32 = ctypes.WinDLL('kernel32')\n"
        "kernel32.LoadLibraryW.restype = ctypes.c_void_p\n"
        "contain_self() if sys.argv[2] == 'contained' else None\n"
        "print(bool(kernel32.LoadLibraryW('planted.dll')), bool(kernel32.LoadLibraryW('winmm.dll')))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code, tmp_path, how], stdin=subprocess.DEVNULL, capture_output=True, check=True
        ).stdout
        for how in ("free", "contained")
    ]
    assert [text.split() for text in said] == [[b"True", b"True"], [b"False", b"True"]]


def test_no_time_limit_passes_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    really = time.monotonic

    async def sleep_with_the_lid_closed() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        async with asyncio.timeout(DEADLINE):
            monkeypatch.setattr(time, "monotonic", lambda: really() + 3600)  # as Python's clock goes on, GetTickCount64
            await asyncio.sleep(0.1)
        return loop.time() - before

    with asyncio.Runner(loop_factory=create_event_loop) as runner:
        assert 0.05 < runner.run(sleep_with_the_lid_closed()) < DEADLINE
    assert awake_time() < really() + 3600


def test_the_end_of_a_session_takes_a_contained_process_after_the_app() -> None:
    code = (
        "import ctypes; from sidecar.process.windows.jobs import contain_self; contain_self()\n"
        "level, flags = ctypes.c_ulong(), ctypes.c_ulong()\n"
        "ctypes.windll.kernel32.GetProcessShutdownParameters(ctypes.byref(level), ctypes.byref(flags))\n"
        "print(hex(level.value), flags.value)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], stdin=subprocess.DEVNULL).split() == [b"0x27f", b"1"]


@pytest.mark.parametrize("event", [2, 5, 6], ids=["close", "logoff", "shutdown"])
def test_a_closed_console_or_the_end_of_a_session_leaves_the_time_to_stop_the_backend(event: int) -> None:
    code = (
        "import asyncio, ctypes, os, sys; from sidecar.process.platform.signals import on_termination\n"
        "async def main():\n"
        "    asked = asyncio.Event()\n"
        "    on_termination(asyncio.get_running_loop(), asked.set)\n"
        "    create, routine = ctypes.WinDLL('kernel32').CreateThread, ctypes.WinDLL('kernelbase').CtrlRoutine\n"
        "    pointer, size = ctypes.c_void_p, ctypes.c_size_t\n"
        "    create.argtypes = pointer, size, pointer, size, size, pointer\n"
        "    create(None, 0, ctypes.cast(routine, pointer), int(sys.argv[1]), 0, None)\n"  # as the system delivers it
        "    await asked.wait(); await asyncio.sleep(0.3); print('saved', flush=True); os._exit(7)\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, str(event)]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.stdout.split(), done.returncode) == ([b"saved"], 7)


@pytest.mark.not_wine(reason="a child does not inherit the error mode in Wine 8")
async def test_the_backend_inherits_that_no_error_is_shown_in_a_box(stage: Stage) -> None:
    before = msvcrt.SetErrorMode(0x8001)
    try:
        _, run = await stage.python("import ctypes; print(hex(ctypes.windll.kernel32.GetErrorMode()))")
        await run.is_gone()
    finally:
        msvcrt.SetErrorMode(before)
    assert run.out.split() == [BOXLESS]


async def test_a_job_lists_what_it_has_where_its_counters_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def query(_job: int, _kind: int, listing: object, *_: object) -> int:
        calls.append(1)
        listing._obj[0] = 3 | 2 << 32  # type: ignore[attr-defined]  # one of three is ending, and is not listed
        listing._obj[1], listing._obj[2] = 44, 48  # type: ignore[attr-defined]
        return 1

    job = jobs.Job()
    monkeypatch.setattr(jobs.win32, "QueryInformationJobObject", query)
    assert job.pids() == [44, 48]
    assert calls == [1]
    job.close()


async def test_a_job_that_has_more_than_fit_lists_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    def query(_job: int, _kind: int, listing: object, size: int, _: object) -> int:
        room = size // 8 - 1
        listing._obj[0] = room + 1 | room << 32  # type: ignore[attr-defined]
        ctypes.set_last_error(234)
        return 0

    job = jobs.Job()
    monkeypatch.setattr(jobs.win32, "QueryInformationJobObject", query)
    assert len(job.pids()) == 8192
    job.close()


async def test_interrupt_and_kill_are_harmless_after_the_end(stage: Stage) -> None:
    running, run = await stage.python("")
    await run.is_gone()
    running.interrupt()
    running.kill()
    assert running.processes() == []
    assert run.order.count("gone") == 1


async def test_a_flood_of_output_arrives_whole_and_in_order(stage: Stage) -> None:
    code = "import os; [os.write(1, b'%07d\\n' % n * 1000) for n in range(1000)]"
    _, run = await stage.python(code)
    await run.is_gone()
    assert bytes(run.out) == b"".join(b"%07d\n" % n * 1000 for n in range(1000))


async def test_a_write_of_nothing_is_not_the_end_of_the_output() -> None:
    """A pipe for messages hands on each write of no bytes, in Wine too; for bytes Windows does so to a reader that waits."""
    read, write = message_pipe()
    recorder = Recorder()
    pipe = output.OutputPipe(read, "stdout", deliver=recorder.output, ended=lambda: recorder.gone([]), report=print)
    for data in (b"", b"one", b"", b"two"):
        _winapi.WriteFile(write, data)
    await until(lambda: recorder.out == b"onetwo")
    assert recorder.survivors is None
    assert not pipe.closed
    _winapi.CloseHandle(write)
    await recorder.is_gone()


async def test_a_write_of_nothing_is_not_the_end_of_the_client() -> None:
    read, write = message_pipe()
    frames, ends = FrameBuffer(), []
    reader = Reader(msvcrt.open_osfhandle(read, os.O_RDONLY), frames, lambda: None, lambda: ends.append("end"))
    reader.resume()
    for data in (b"", b"\0\0\0\1", b"", b"x"):
        _winapi.WriteFile(write, data)
    await until(lambda: [bytes(body) for body in frames] == [b"x"])
    assert ends == []
    _winapi.CloseHandle(write)
    await until(lambda: ends == ["end"])


def message_pipe() -> tuple[int, int]:
    name = rf"\\.\pipe\sidecar-test-{uuid.uuid4()}"
    read = _winapi.CreateNamedPipe(name, _winapi.PIPE_ACCESS_INBOUND, 0x4, 1, 0, 65536, 0, 0)  # PIPE_TYPE_MESSAGE
    return read, _winapi.CreateFile(name, _winapi.GENERIC_WRITE, 0, 0, _winapi.OPEN_EXISTING, 0, 0)


async def test_a_sidecar_that_is_busy_does_not_hold_the_backend_up_and_keeps_the_latest_output(stage: Stage) -> None:
    code = (
        "import os, sys\n"
        "for n in range(2_000): os.write(1, b'%07d\\n' % n * 2000)\n"  # 32 MB
        "open(sys.argv[1], 'w').close(); os.write(1, b'last')"
    )
    mark = Path(os.environ["TEMP"]) / f"flood-{os.getpid()}"
    _, run = await stage.python(code, str(mark))
    end = time.monotonic() + DEADLINE
    while not mark.exists():  # blocks the event loop on purpose
        assert time.monotonic() < end
        time.sleep(0.02)
    await run.is_gone()
    mark.unlink()
    assert run.out.endswith(b"last")
    assert len(run.out) < 32_000_000
    assert any("dropped" in report for report in stage.reports)


async def test_the_backend_has_no_stdin_and_inherits_no_other_handle(stage: Stage) -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    _, run = await stage.python(code)
    await run.is_gone()
    assert run.out == b"''\r\n"


@pytest.mark.parametrize("rung", ["close_stdin", "kill"])
async def test_an_open_stdin_ends_with_the_stop(stage: Stage, rung: str) -> None:
    code = "import sys; print('ready', flush=True); sys.stdin.read(); print('end', flush=True); sys.exit(7)"
    run = Recorder()
    command = (sys.executable, "-c", code)
    running = await stage.layer.launch(LaunchSpec(command, str(Path.cwd()), dict(os.environ), stdin="open"), run)
    await run.has_written(b"ready")
    getattr(running, rung)()
    await run.is_gone()
    if rung == "close_stdin":
        assert run.status == ExitStatus(code=7)
        assert running.killed == []


async def test_the_environment_is_passed_as_it_is_and_arguments_arrive_as_they_are(stage: Stage) -> None:
    arguments = ["", "a b", 'say "hi"', "back\\slash\\", 'tail\\"', "%TEMP%", "ä ö ü 漢字", "&|<>^"]
    code = "import os, sys; sys.stdout.buffer.write(repr((sys.argv[1:], os.environ['WÖRT'])).encode())"
    _, run = await stage.command(sys.executable, "-c", code, *arguments, env={"WÖRT": "Grüße = 1"})
    await run.is_gone()
    assert run.out.decode() == repr((arguments, "Grüße = 1"))


async def test_a_path_with_blanks_and_umlauts_is_executed(stage: Stage, tmp_path: Path) -> None:
    program = place_program(tmp_path / "Müller & Söhne 漢字" / "app dir")
    _, run = await stage.command(str(program), "/c", "cd", cwd=str(program.parent))
    await run.is_gone()
    assert run.status == ExitStatus(code=0)
    assert b"app dir" in run.out


async def test_a_path_beyond_260_characters_is_executed(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 280:
        folder = folder / "a long name of a folder"
    program = place_program(Path(f"\\\\?\\{folder}"))
    _, run = await stage.command(str(folder / program.name), "/c", "echo here", cwd=str(tmp_path))
    await run.is_gone()
    assert run.out == b"here\r\n"


@pytest.mark.parametrize("path", ["C:\\a\\" + "b" * 300, "\\\\server\\share\\" + "b" * 300], ids=["drive", "network"])
def test_cmd_exe_gets_a_long_path_of_a_batch_file_in_the_form_that_it_knows(path: str) -> None:
    assert spawn._extended(path) != path
    assert spawn._unextended(spawn._extended(path)) == path


async def test_a_working_directory_beyond_260_characters_is_entered(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 280:
        folder = folder / "a long name of a folder"
    Path(f"\\\\?\\{folder}").mkdir(parents=True)
    Path(f"\\\\?\\{folder}\\here.txt").write_text("")
    _, run = await stage.command(os.environ["COMSPEC"], "/c", "dir /b", cwd=str(folder))
    await run.is_gone()
    assert run.out == b"here.txt\r\n"


def place_program(folder: Path) -> Path:
    """Copies a program that needs no other files."""
    folder.mkdir(parents=True)
    return Path(shutil.copy(Path(os.environ["SYSTEMROOT"]) / "System32" / "cmd.exe", folder / "backend.exe"))


@pytest.mark.parametrize("name", ["C:\\no\\such\\missing.exe", "sub\\missing.exe"])
async def test_a_missing_program_is_reported_with_its_path(stage: Stage, name: str) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        await stage.command(name)
    assert "missing.exe" in caught.value.message
    assert caught.value.hint
    assert caught.value.data["path"].endswith("missing.exe")


@pytest.mark.parametrize("name", ["none", "file"])
async def test_a_working_directory_that_is_gone_since_is_reported(stage: Stage, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendNotExecutableError, match="working directory cannot be used"):
        await stage.command(sys.executable, cwd=str(tmp_path / name))


async def test_a_file_that_is_not_a_program_is_reported_with_the_system_error(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "text.exe"
    file.write_text("no program")
    with pytest.raises(BackendNotExecutableError, match=r"it is not a program for Windows \(Windows error 193"):
        await stage.command(str(file))


def place_batch_file(folder: Path, code: str) -> str:
    """Creates a batch file that runs Python with its arguments, as npm.cmd runs Node."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "code.py").write_text(code)
    (folder / "run it.cmd").write_text(f'@echo off\nsetlocal\n"{sys.executable}" "%~dp0code.py" %*\n')
    return str(folder / "run it.cmd")


ARGUMENTS = [
    "start",
    "",
    "a b",
    "--port=80",
    "x&exit 9",
    "a|b",
    "<in>out",
    "^",
    "(x)",
    "!cd!",
    "C:\\dir\\",
    "a,b;c",
    "é",
    "C:\\a b\\",
]


async def test_a_batch_file_gets_its_arguments_and_gives_its_exit_status(stage: Stage, tmp_path: Path) -> None:
    program = place_batch_file(tmp_path / "with space", "import sys; print(ascii(sys.argv[1:])); sys.exit(7)")
    _, run = await stage.command(program, *ARGUMENTS)
    await run.is_gone()
    assert (run.out.decode().strip(), run.err) == (ascii(ARGUMENTS), b"")
    assert run.status == ExitStatus(code=7)


@pytest.mark.parametrize(
    "argument", ["%PATH%", '"&exit 9"', "a\r\nb", "x" * 8192], ids=["variable", "quote", "line", "long"]
)
async def test_an_argument_that_a_batch_file_would_get_changed_is_refused(
    stage: Stage, tmp_path: Path, argument: str
) -> None:
    with pytest.raises(BackendNotExecutableError, match=r"cmd.exe.*: .*run it.cmd"):
        await stage.command(place_batch_file(tmp_path, ""), argument)


SAVE = """
import signal, sys, time
def save(*_):
    time.sleep(1); print("saved", flush=True); sys.exit(0)
signal.signal(signal.SIGINT, save)
print("ready", flush=True)
while True: time.sleep(0.05)
"""


async def test_what_a_batch_file_started_may_save_at_a_stop(stage: Stage, tmp_path: Path) -> None:
    process, run = await stage.command(place_batch_file(tmp_path, SAVE))
    await until(lambda: b"ready" in run.out, DEADLINE)
    process.begin_stop()
    process.interrupt(5.0)
    await run.is_gone()
    assert b"saved" in run.out
    assert run.survivors == []


async def test_a_script_is_refused_with_the_command_that_would_run_it(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print(1)")
    with pytest.raises(BackendNotExecutableError, match="it is a script or library, not a program") as caught:
        await stage.command(str(tmp_path / "app.py"))
    assert f'backend.command = ["python", "{tmp_path / "app.py"}"' in (caught.value.hint or "")


async def test_a_job_around_the_app_that_forbids_others_is_reported(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_job: jobs.Job, _process: int) -> None:
        raise OSError(13, "Access denied", None, 5)

    monkeypatch.setattr(jobs.Job, "assign", refuse)
    with pytest.raises(BackendNotExecutableError, match=r"into a job object: .*python.exe \(Windows error 5"):
        await stage.python("pass")


async def test_a_program_that_is_held_for_a_moment_is_started_when_it_is_free(stage: Stage, tmp_path: Path) -> None:
    program = place_program(tmp_path / "new")
    held = _winapi.CreateFile(
        str(program), _winapi.GENERIC_READ | _winapi.GENERIC_WRITE, 0, 0, 3, 0, 0
    )  # OPEN_EXISTING
    threading.Timer(0.3, _winapi.CloseHandle, (held,)).start()
    _, run = await stage.command(str(program), "/c", "exit", "3")
    await run.is_gone()
    assert run.status == ExitStatus(code=3)


async def test_a_launch_that_failed_leaves_no_handle_behind(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "text.exe"
    file.write_text("no program")
    before = handle_count()
    for _ in range(20):
        with pytest.raises(BackendNotExecutableError):
            await stage.command(str(file))
    assert handle_count() - before < 20


async def test_runs_leave_no_handle_behind(stage: Stage) -> None:
    for count in range(13):
        if count == 3:
            before = handle_count()
        _, run = await stage.command(os.environ["COMSPEC"], "/c", "echo x")
        await run.is_gone()
    assert handle_count() - before < 10


def handle_count() -> int:
    import psutil

    return psutil.Process().num_handles()


async def test_a_launch_waits_until_the_run_before_is_gone(stage: Stage) -> None:
    running, first = await stage.python(WAIT)
    second_launch = asyncio.create_task(stage.python("print(2)"))
    await first.has_written(b"ready")
    assert not second_launch.done()
    running.kill()
    _, second = await second_launch
    assert first.survivors == []
    await second.is_gone()


async def test_a_cancelled_launch_leaves_nothing_running(stage: Stage) -> None:
    task = asyncio.create_task(stage.python(WAIT))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, run = await stage.python("print('next')")
    await run.is_gone()
    assert run.out == b"next\r\n"


async def test_a_launch_that_the_system_delays_is_not_waited_for_at_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, reached = threading.Event(), threading.Event()

    def start(*_: object) -> None:
        reached.set()
        held.wait(60)
        raise OSError("too late")

    monkeypatch.setattr(spawn, "start", start)
    monkeypatch.setattr(layer, "_LAUNCH_LIMIT", 0.1)
    launching = asyncio.create_task(stage.python(WAIT))
    await asyncio.to_thread(reached.wait, 60)
    assert await asyncio.wait_for(stage.layer.close(), 30) == []
    held.set()
    with pytest.raises(OSError, match="too late"):
        await launching


@pytest.mark.not_wine(reason="Wine 8 knows no limit of a job but KILL_ON_JOB_CLOSE")
async def test_a_nice_value_lowers_the_priority_class(stage: Stage) -> None:
    import psutil

    running, run = await stage.python(WAIT, nice=10, open_files=100)
    await run.has_written(b"ready")
    assert psutil.Process(running.identity.pid).nice() == psutil.IDLE_PRIORITY_CLASS
    assert "no effect" in stage.reports[0]


async def test_without_a_nice_value_the_backend_keeps_what_it_inherits(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduled task runs below normal, and so do its children; in Wine they do not."""
    classes: list[int] = []
    monkeypatch.setattr(spawn.win32, "SetPriorityClass", lambda _process, kind: classes.append(kind))
    _, run = await stage.python("")
    await run.is_gone()
    assert classes == []


async def test_an_ntstatus_exit_code_is_named(stage: Stage) -> None:
    _, run = await stage.python("import ctypes; ctypes.windll.kernel32.ExitProcess(ctypes.c_uint(0xC0000005))")
    await run.is_gone()
    assert run.status.text == "exit code 0xC0000005: access violation"


async def test_killing_a_contained_process_kills_all_that_it_started() -> None:
    code = (
        "import subprocess, sys, time\n"
        "from sidecar.process.windows.jobs import contain_self\n"
        "assert contain_self() is None; assert contain_self() is None\n"
        f"child = subprocess.Popen([sys.executable, '-c', {WAIT!r}], creationflags=subprocess.CREATE_NEW_PROCESS_GROUP, stdout=-3)\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    sidecar = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    child = int(sidecar.stdout.readline())
    assert alive(child)
    sidecar.kill()
    sidecar.wait()
    sidecar.stdout.close()
    await until(lambda: not alive(child))


async def test_a_contained_process_ends_with_its_own_exit_status() -> None:
    code = "import sys; from sidecar.process.windows.jobs import contain_self; contain_self(); sys.exit(5)"
    assert subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, check=False).returncode == 5


def test_the_helper_runs_the_frozen_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    command = rungs.helper_command([12, 34], 0.0, 1.5)
    assert command == [sys.executable, "--console-helper", "1500", "116444736000000000", "12", "34"]


def kestrel(stage: Stage, **trouble: str):
    if reason := aspnet_missing():
        pytest.skip(reason)
    env = {"Kestrel__Endpoints__Http__Url": "http://127.0.0.1:0", **trouble}
    return stage.command(str(KESTREL), cwd=str(KESTREL.parent), env=env)


async def test_a_real_kestrel_stops_gracefully_on_an_interrupt(stage: Stage) -> None:
    running, run = await kestrel(stage)
    await run.has_written(b"Now listening on: http://127.0.0.1:")
    running.interrupt()
    await run.is_gone()
    assert run.status == ExitStatus(code=0)
    assert b"Application is shutting down" in run.out


async def test_a_real_kestrel_that_throws_is_named_so(stage: Stage) -> None:
    _, run = await kestrel(stage, TROUBLE_CRASH_BEFORE_LISTENING="1")
    await run.is_gone()
    assert run.status == ExitStatus(code=0xE0434352)
    assert "unhandled .NET exception" in run.status.text
    assert b"Unhandled exception" in run.err


async def test_a_real_kestrel_that_fails_fast_is_named_so(stage: Stage) -> None:
    _, run = await kestrel(stage, TROUBLE_CRASH_AFTER_MS="1", TROUBLE_CRASH_KIND="failfast")
    await run.is_gone()
    assert run.status == ExitStatus(code=0xC0000602)


async def test_a_real_kestrel_that_takes_too_long_to_stop_is_killed(stage: Stage) -> None:
    running, run = await kestrel(stage, TROUBLE_STOP_DELAY_MS="60000")
    await run.has_written(b"Now listening on: http://127.0.0.1:")
    running.interrupt()
    await until(lambda: stage.reports)
    assert run.status is None
    running.kill()
    await run.is_gone()
    assert run.survivors == []
