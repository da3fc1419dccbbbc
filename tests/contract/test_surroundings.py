"""Commands whose output is cut off, or that get a termination signal: they exit cleanly, without a traceback, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.backends import http_backend
from tests.support.launch import clean_environment, run, sidecar_command
from tests.support.processes import wait_until

if sys.platform != "win32":
    from tests.support.terminal import Terminal, shown

BACKEND = ["--", *http_backend()]
COMMANDS = {
    "help": ["--help"],
    "version": ["--version"],
    "completion": ["completion", "bash"],
    "call": ["call", "sidecar:info"],
    "doctor": ["doctor", *BACKEND],
    "doctor --json": ["doctor", "--json", *BACKEND],
    "watch": ["watch", *BACKEND],
    "demo": ["demo"],
}
# The slow tests have those that start a sidecar beside another that does.
EACH_COMMAND = [
    pytest.param(name, marks=pytest.mark.slow) if name in ("doctor", "doctor --json", "demo", "call") else name
    for name in COMMANDS
]
full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def start(words: list[str], **how: object) -> subprocess.Popen[str]:
    env = clean_environment({"PYTHONUNBUFFERED": None, "TMPDIR": str(how.pop("folder", "")) or None})
    streams = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "encoding": "utf-8", **how}
    return subprocess.Popen([*sidecar_command(), *words], env=env, **streams)  # type: ignore[call-overload,no-any-return]


@full_disk
@pytest.mark.parametrize("name", EACH_COMMAND)
def test_a_full_disk_is_named_and_no_traceback_shown(name: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        command = start(COMMANDS[name], stdout=full)
        _, stderr = command.communicate(timeout=60)
    assert command.returncode == 74, stderr
    assert stderr.startswith("sidecar: stdout cannot be written: No space left on device\n")
    assert stderr.count("\n") == 2


@pytest.mark.parametrize("name", EACH_COMMAND)
def test_a_reader_that_goes_away_ends_a_command_silently(name: str) -> None:
    reading, writing = os.pipe()
    command = start(COMMANDS[name], stdout=writing)
    os.close(writing)
    os.close(reading)
    _, stderr = command.communicate(timeout=60)
    assert (command.returncode, stderr) == (1, "")


@full_disk
def test_an_exit_status_survives_where_neither_stream_can_be_written() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        assert [start(words, stdout=full, stderr=full).wait(60) for words in (["nope"], ["--help"])] == [64, 74]


def test_watch_names_no_folder_of_logs_where_there_can_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = ["--set", f"paths.data='{tmp_path / 'file'}'"]
    stdout, _ = start(["watch", "--seconds", "1", *settings, *BACKEND], stdout=subprocess.PIPE).communicate(timeout=60)
    assert f"No logs: the folder {tmp_path / 'file' / 'logs'} was not created" in stdout


@pytest.mark.posix(reason="Windows removes no folder in which a process works")
@pytest.mark.parametrize(
    ("words", "status", "named"),
    [
        (
            ["watch", "--seconds", "1", "--", "./server"],
            1,
            "Start it in another folder, or give the backend's full path.",
        ),
        (["doctor", "--", "./server"], 1, "Start it in another folder, or give the backend's full path."),
        (["call", "sidecar:ping", "--", "./server"], 0, "null"),
        (["watch", "--data", "data", "--seconds", "1", "--", "/bin/true"], 78, "The folder data is relative"),
    ],
)
def test_a_tool_in_a_folder_that_was_removed_names_it(
    words: list[str], status: int, named: str, tmp_path: Path
) -> None:
    inside = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    env = {"XDG_DATA_HOME": str(tmp_path), "COLUMNS": "400"}
    ended = run(["sh", "-c", inside, "sh", *sidecar_command(), *words], cwd=tmp_path, env=env)
    assert ended.returncode == status, ended.stderr
    assert named in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.posix(reason="a shell closes descriptors with >&-")
@pytest.mark.parametrize(
    ("name", "closed"),
    [
        *(pytest.param("call", one, marks=pytest.mark.slow) for one in ("<&-", ">&-", "2>&-")),
        *(pytest.param(name, "<&- >&- 2>&-", marks=pytest.mark.slow) for name in ("doctor", "watch")),
        ("call", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_taken_for_the_null_device(name: str, closed: str) -> None:
    words = COMMANDS[name] if name != "watch" else ["watch", "--seconds", "1", *BACKEND]
    done = run(["sh", "-c", f'exec "$@" {closed}', "sh", *sidecar_command(), *words])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.posix(reason="a pseudo-terminal")
@pytest.mark.parametrize("words", [["serve"], ["record", "new.frames"]], ids=["serve", "record"])
def test_no_frames_are_shown_in_a_terminal(words: list[str], tmp_path: Path) -> None:
    command = [*sidecar_command(), *words, *BACKEND]
    shell = ["sh", "-c", 'cd "$0" && exec "$@"', str(tmp_path), *command]
    with Terminal(shell, clean_environment()) as terminal:
        assert terminal.wait() == 64
        written = shown(terminal.written)
    assert "stdin and stdout are a terminal" in written
    assert "sidecar watch -- COMMAND" in written
    assert "hello" not in written
    assert not list(tmp_path.iterdir())


@pytest.mark.posix(reason="Windows has no signals that one process sends another")
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("call", "SIGINT"),
        pytest.param("doctor", "SIGTERM", marks=pytest.mark.slow),
        ("demo", "SIGHUP"),
        pytest.param("demo", "SIGINT", marks=pytest.mark.slow),
    ],
)
def test_a_request_to_end_leaves_no_folder_behind(name: str, number: str, tmp_path: Path) -> None:
    ends_and_leaves_nothing(name, getattr(signal, number), tmp_path)


def ends_and_leaves_nothing(name: str, number: int, tmp_path: Path) -> None:
    never_ready = ["--profile", "generic", "--", sys.executable, "-c", "import time; time.sleep(60)"]
    words = {"call": ["call", "backend:version", *never_ready], "doctor": ["doctor", "--start", *never_ready]}
    command = start(words.get(name, ["demo"]), stdout=subprocess.PIPE, folder=tmp_path)
    wait_until(psutil.Process(command.pid).children)  # its folder is made before that
    command.send_signal(number)
    _, stderr = command.communicate(timeout=60)
    assert (command.returncode, stderr.strip().splitlines()[-1]) == (128 + number, "sidecar: Interrupted")
    assert list(tmp_path.glob("sidecar-*")) == []


@pytest.mark.posix(reason="Windows has no signals that one process sends another")
@pytest.mark.parametrize("name", [*(pytest.param(it, marks=pytest.mark.slow) for it in ("call", "doctor")), "demo"])
def test_a_job_in_the_background_can_be_ended(name: str, tmp_path: Path) -> None:
    """A command that a shell starts with & ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ends_and_leaves_nothing(name, signal.SIGTERM, tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.posix(reason="Windows has no signals that one process sends another")
def test_ctrl_c_at_any_moment_of_a_start_shows_no_traceback() -> None:
    code = "import signal; from sidecar import __main__; from sidecar.console import surroundings\n"
    code += "import sys; sys.modules['sidecar.cli'] = type('Late', (), {'main': lambda _: signal.raise_signal(2)})\n"
    code += "sys.argv[1:] = ['--help']; sys.exit(__main__.main())"
    done = run([sys.executable, "-c", code])
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.posix(reason="Windows has no signals that one process sends another")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_request_to_end_that_an_import_swallows_still_ends_the_command(name: str) -> None:
    code = f"""
import asyncio, signal, sys, weakref
from sidecar.console.surroundings import interruptible, run_cancellable

class Lock: pass

with interruptible():
    lock = Lock()
    dropped = weakref.ref(lock, lambda _: signal.raise_signal(signal.{name}))
    del lock
    try:
        run_cancellable(asyncio.sleep(60))
    except KeyboardInterrupt:
        sys.exit(3)
"""
    done = run([sys.executable, "-c", code])
    assert done.returncode == 3
    assert "Exception ignored" in done.stderr


@pytest.mark.posix(reason="Windows has no signals that one process sends another")
def test_ctrl_c_while_the_interpreter_ends_shows_no_traceback() -> None:
    code = "import atexit, signal, sys; from sidecar import __main__; atexit.register(signal.raise_signal, 2)\n"
    code += "sys.argv[1:] = ['--version']; sys.exit(__main__.main())"
    done = run([sys.executable, "-c", code])
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    assert done.stdout.startswith("sidecar ")


def test_the_demo_does_not_wait_for_a_sidecar_that_was_killed(tmp_path: Path) -> None:
    command = start(["demo", "--seconds", "3600"], stdout=subprocess.PIPE, folder=tmp_path)
    command.stdout.readline()  # an event: the sidecar runs
    for child in psutil.Process(command.pid).children():
        child.kill()
    stdout, stderr = command.communicate(timeout=60)
    assert command.returncode == 1, stderr
    assert "No recovery:" in stdout


@pytest.mark.parametrize("words", [["call", "sidecar:ping"], ["demo"]], ids=["call", "demo"])
def test_a_system_without_a_temporary_folder_gets_a_hint(words: list[str]) -> None:
    code = "import sys, tempfile\n"
    code += "def none(*_): raise FileNotFoundError(2, 'No usable temporary directory found in [/tmp]')\n"
    code += f"tempfile._get_default_tempdir = none; sys.argv[1:] = {words}\n"
    code += "from sidecar.__main__ import main; sys.exit(main())"
    done = run([sys.executable, "-c", code], env={"SIDECAR_PROFILE": None})
    assert (done.returncode, done.stdout) == (64, "")
    assert "No temporary folder is available: No usable temporary directory" in done.stderr
    assert "Set TMPDIR" in done.stderr


@pytest.mark.posix(reason="limits of the shell")
@pytest.mark.parametrize("limit", [8, 12])
def test_a_limit_on_open_files_that_is_too_low_is_named(limit: int, tmp_path: Path) -> None:
    """Python itself needs some: without any it cannot even load our first line."""
    words = ["serve", "--set", f"paths.data='{tmp_path}'", *BACKEND]
    command = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *sidecar_command(), *words]
    done = run(command)
    assert (done.returncode, done.stdout) == (70, "")
    assert f"the limit on open files is {limit}, but it needs" in done.stderr
    assert "raise it (ulimit -n for open files" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="AppImages are for Linux")
def test_a_backend_of_the_system_loads_no_library_of_the_apps_image(tmp_path: Path) -> None:
    (tmp_path / "AppRun").touch()
    libraries = {"APPDIR": str(tmp_path), "LD_LIBRARY_PATH": f"{tmp_path}/usr/lib:/opt/cuda/lib"}
    code = "import os, time; print('LIBRARIES', os.environ['LD_LIBRARY_PATH'], flush=True); time.sleep(60)"
    backend = ["--set", f"paths.data='{tmp_path / 'data'}'", "--profile", "generic", "--", sys.executable, "-c", code]
    done = run([*sidecar_command(), "watch", "--seconds", "2", *backend], env=libraries)
    assert "LIBRARIES /opt/cuda/lib" in done.stdout
