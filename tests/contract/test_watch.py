"""``sidecar watch`` as a user runs it: in a real terminal, and through pipes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.backends import http_backend, script_backend
from tests.support.launch import clean_environment, run, sidecar_command, toml_value

if sys.platform != "win32":
    from tests.support.terminal import Terminal, shown

in_a_terminal = pytest.mark.posix(reason="a pseudo-terminal; Windows has ConPTY, which Wine and Python's library lack")


def words(data: Path, *backend: str, settings: dict[str, object] | None = None) -> list[str]:
    values = {"paths.data": str(data), "resources.interval": 0.2, **(settings or {})}
    flags = [word for name, value in values.items() for word in ("--set", f"{name}={toml_value(value)}")]
    return [*sidecar_command(), "watch", *flags, *(["--", *backend] if backend else [])]


class Piped:
    """watch with pipes for stdin and stdout; its lines are read by a thread."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            bufsize=1,
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def press(self, key: str) -> None:
        self.process.stdin.write(key)
        self.process.stdin.flush()

    def wait_for(self, pattern: str, *, since: int = 0) -> re.Match[str]:
        def found() -> re.Match[str] | None:
            return re.search(pattern, "\n".join(self.lines[since:]), re.MULTILINE)

        match = processes.wait_until(found, what=lambda: (pattern, self.lines))
        assert match
        return match

    def wait(self) -> tuple[int, str]:
        """Exit status and what was written to stderr."""
        status = self.process.wait(60)
        self._thread.join(60)
        return status, self.process.stderr.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            try:
                stream.close()
            except OSError:
                pass


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[Piped]:
    watch = Piped(words(tmp_path, *http_backend(say="first words")))
    yield watch
    watch.close()


def _for_seconds(seconds: int, command: list[str]) -> list[str]:
    place = command.index("--")
    return [*command[:place], "--seconds", str(seconds), *command[place:]]


# Through pipes -------------------------------------------------------------------------------------------------------


def test_each_event_is_a_line_and_keys_come_from_the_pipe(piped: Piped) -> None:
    first = int(piped.wait_for(r"STARTING → RUNNING \(ready, process (\d+)\)")[1])
    piped.wait_for(r"log +stderr: first words")
    piped.wait_for(r"resourceUpdate +cpu \d+ %, memory \d+\.\d MiB, 1 process")
    piped.press("k")
    piped.wait_for(rf"process {first} was killed")
    piped.wait_for(r"RUNNING → BACKOFF \(crashed\)")
    piped.wait_for(r"crash .*\(restart 1 of 3")
    second = int(piped.wait_for(rf"STARTING → RUNNING \(ready, process (?!{first}\b)(\d+)\)")[1])
    mark = len(piped.lines)
    piped.press("r")
    third = int(piped.wait_for(r"STARTING → RUNNING \(ready, process (\d+)\)", since=mark)[1])
    piped.press("d")
    piped.wait_for(r"doctor: ok: executable: ")
    piped.press("s")
    piped.wait_for(r"STOPPING → STOPPED \(requested\)")
    mark = len(piped.lines)
    piped.press("k")
    piped.wait_for(r"crash: No process to crash: the backend is STOPPED", since=mark)
    piped.press("s")
    fourth = int(piped.wait_for(r"STARTING → RUNNING \(ready, process (\d+)\)", since=mark)[1])
    piped.press("q")
    status, stderr = piped.wait()
    assert (status, stderr) == (0, "")
    assert re.search(r"^Watched for \d+ s, crashes: 1\. Logs: .+logs$", piped.lines[-1])
    assert not any("\x1b" in line for line in piped.lines)
    for pid in (first, second, third, fourth):
        assert not processes.is_alive(pid)


@pytest.mark.slow
def test_the_end_of_the_pipe_only_means_that_no_more_keys_come(tmp_path: Path) -> None:
    watch = Piped(_for_seconds(8 if sys.platform == "win32" else 3, words(tmp_path, *http_backend())))
    try:
        watch.process.stdin.close()
        status, stderr = watch.wait()
        assert (status, stderr) == (0, ""), watch.lines
        watch.wait_for("STARTING → RUNNING")
    finally:
        watch.close()


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        pytest.param(
            ["/nonexistent/backend"],
            r"start: The backend.s executable does not exist: .*nonexistent.backend",
            marks=pytest.mark.slow,
        ),
        (http_backend(exit_before_listening=3, say="my last words"), r"crash .*exit code 3 .*no restarts left"),
    ],
    ids=["unknown command", "dies again and again"],
)
def test_a_backend_that_failed_for_good_ends_watch_without_a_keyboard(
    backend: list[str], said: str, tmp_path: Path
) -> None:
    watch = Piped(words(tmp_path, *backend, settings={"timeouts.restart_delay": 0.1}))
    try:
        status, stderr = watch.wait()
        assert (status, stderr) == (1, "")
        watch.wait_for(said)
        watch.wait_for(r"→ FAILED")
    finally:
        watch.close()


def test_a_progress_bar_is_seen_while_it_moves(tmp_path: Path) -> None:
    bar = "import sys, time; sys.stdout.write('\\r10%'); sys.stdout.flush(); time.sleep(600)"
    watch = Piped(words(tmp_path, *script_backend(bar)))
    try:
        watch.wait_for(r"log +stdout: 10%")
        watch.press("q")
        assert watch.wait()[0] == 0
    finally:
        watch.close()


def test_wrong_settings_are_reported_and_nothing_is_watched(tmp_path: Path) -> None:
    watch = Piped(words(tmp_path, settings={"timeouts.startup": "soon"}))
    try:
        status, stderr = watch.wait()
        assert status == 78
        assert "timeouts.startup" in stderr
        assert "Traceback" not in stderr
        assert watch.lines == []  # nothing was started, so nothing is stopped
    finally:
        watch.close()


def test_a_sidecar_that_dies_in_the_middle_is_reported_as_that(piped: Piped) -> None:
    backend = int(piped.wait_for(r"STARTING → RUNNING \(ready, process (\d+)\)")[1])
    _kill_sidecar_of(backend)
    status, stderr = piped.wait()
    assert status == 70
    assert stderr.startswith("sidecar: The sidecar has ended")
    assert "Traceback" not in stderr
    processes.wait_until(lambda: not processes.is_alive(backend))


def _kill_sidecar_of(backend: int) -> None:
    """Kills the serving process above it; on Windows a venv's launcher runs the interpreter."""
    import psutil

    serving = [parent for parent in psutil.Process(backend).parents() if "serve" in parent.cmdline()]
    for process in serving:
        process.kill()
    assert serving


@pytest.mark.posix(reason="SIGTERM; on Windows nothing asks a console program to end but its console")
def test_an_end_during_a_start_is_not_reported_as_a_failed_start(tmp_path: Path) -> None:
    watch = Piped(words(tmp_path, *script_backend("import time; time.sleep(60)")))
    try:
        watch.wait_for("startupProgress +waiting")
        watch.process.send_signal(signal.SIGTERM)
        assert watch.wait() == (128 + signal.SIGTERM, "")
        assert "STARTING → STOPPING (shutdown" in "\n".join(watch.lines)
        assert [line for line in watch.lines if "start:" in line] == []
    finally:
        watch.close()


@pytest.mark.posix(reason="SIGTERM; on Windows nothing asks a console program to end but its console")
def test_sigterm_stops_everything_in_order(piped: Piped) -> None:
    backend = int(piped.wait_for(r"STARTING → RUNNING \(ready, process (\d+)\)")[1])
    piped.process.send_signal(signal.SIGTERM)
    status, stderr = piped.wait()
    assert (status, stderr) == (128 + signal.SIGTERM, "")
    assert "STOPPING → STOPPED (shutdown)" in "\n".join(piped.lines)
    assert not processes.is_alive(backend)


def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        words(tmp_path, *http_backend()),
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 1
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


# In a terminal -------------------------------------------------------------------------------------------------------


@in_a_terminal
def test_the_terminal_shows_everything_and_is_as_before_at_the_end(tmp_path: Path) -> None:
    with Terminal(words(tmp_path, *http_backend(say="first words")), clean_environment()) as terminal:
        terminal.wait_for("RUNNING")
        assert terminal.attributes() != terminal.before  # no echo, single keys
        first = int(terminal.wait_for(r"process +(\d+)  up")[1])
        terminal.wait_for("first words")
        terminal.wait_for(r"cpu +\d+\.\d % +[▁▂▃▄▅▆▇█]+")
        terminal.wait_for(r"memory +\d+\.\d MiB +[▁▂▃▄▅▆▇█]+")
        mark = len(terminal.written)
        terminal.press("k")
        terminal.wait_for(r"crashes +1  ", since=mark)
        terminal.wait_for(rf"process +(?!{first}\b)\d+  up", since=mark)
        mark = len(terminal.written)
        terminal.press("d")
        terminal.wait_for("doctor ─", since=mark)
        terminal.wait_for("executable", since=mark)
        mark = len(terminal.written)
        terminal.press("\x1b[A")  # an arrow key is not its last letter
        terminal.press("d")
        terminal.wait_for("output ─", since=mark)
        mark = len(terminal.written)
        terminal.press("s")
        terminal.wait_for(r" s  start", since=mark)
        terminal.press("q")
        assert terminal.wait() == 0
        restored(terminal)
        assert re.search(
            r"Watched for \d+ s, crashes: 1\.", terminal.written.decode("utf-8", "replace").split("\x1b[?1049l")[-1]
        )


if sys.platform != "win32":

    def restored(terminal: Terminal) -> None:
        """Whether the modes, the previous screen and the cursor are restored."""
        assert terminal.attributes() == terminal.before
        assert terminal.written.rfind(b"\x1b[?1049l") > terminal.written.rfind(b"\x1b[?1049h") >= 0
        assert terminal.written.rfind(b"\x1b[?25h") > terminal.written.rfind(b"\x1b[?25l")


@in_a_terminal
@pytest.mark.parametrize(
    "end", ["Ctrl+C", *(pytest.param(it, marks=pytest.mark.slow) for it in ("SIGTERM", "the sidecar dies"))]
)
def test_the_terminal_is_as_before_after_any_other_end(end: str, tmp_path: Path) -> None:
    with Terminal(words(tmp_path, *http_backend()), clean_environment()) as terminal:
        backend = int(terminal.wait_for(r"process +(\d+)  up")[1])
        if end == "Ctrl+C":
            terminal.press("\x03")
        elif end == "SIGTERM":
            terminal.kill(signal.SIGTERM)
        else:
            _kill_sidecar_of(backend)
        assert terminal.wait() == {"Ctrl+C": 130, "SIGTERM": 143, "the sidecar dies": 70}[end]
        if end != "the sidecar dies":
            assert re.search(r"Watched for \d+ s, crashes: 0\. Logs: .+logs", shown(terminal.written))
        restored(terminal)
        assert "Traceback" not in shown(terminal.written)
    processes.wait_until(lambda: not processes.is_alive(backend))


@in_a_terminal
def test_a_second_ctrl_c_waits_no_longer_for_a_backend_that_will_not_stop(tmp_path: Path) -> None:
    stubborn = http_backend(ignore_shutdown=True, ignore_sigterm=True)
    settings = {"timeouts.graceful_shutdown": 100, "timeouts.total_shutdown": 120}
    with Terminal(words(tmp_path, *stubborn, settings=settings), clean_environment()) as terminal:
        backend = int(terminal.wait_for(r"process +(\d+)  up")[1])
        terminal.press("\x03")
        terminal.wait_for("RUNNING → STOPPING")
        terminal.press("\x03")
        assert terminal.wait() == 130
        restored(terminal)
        assert "Traceback" not in shown(terminal.written)
    processes.wait_until(lambda: not processes.is_alive(backend))


@in_a_terminal
def test_a_terminal_that_goes_away_takes_everything_along(tmp_path: Path) -> None:
    with Terminal(words(tmp_path, *http_backend()), clean_environment()) as terminal:
        backend = int(terminal.wait_for(r"process +(\d+)  up")[1])
        terminal.close()
        terminal.process.wait(60)
    processes.wait_until(lambda: not processes.is_alive(backend))


@pytest.mark.slow
@in_a_terminal
def test_the_terminal_is_as_before_after_a_defect_of_ours(tmp_path: Path) -> None:
    code = (
        "import sys; from sidecar.console import watch\n"
        "def broken(*_): raise RuntimeError('a defect')\n"
        "from sidecar import cli; watch._Watch._pressed = broken\n"
        "watch._Watch._watch = lambda self: broken()\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    command = words(tmp_path, *http_backend())
    arguments = command[command.index("watch") :]
    with Terminal([sys.executable, "-c", code, *arguments], clean_environment()) as terminal:
        assert terminal.wait() == 1
        assert "a defect" in shown(terminal.written)
        restored(terminal)


@pytest.mark.slow
@in_a_terminal
def test_the_terminal_of_another_session_gives_no_keys_and_is_left_alone(tmp_path: Path) -> None:
    import pty

    master, slave = pty.openpty()  # not a controlling terminal, as after setsid(1)
    try:
        done = run(
            words(tmp_path, "/nonexistent/backend"),  # fails for good at once, which ends watch without a keyboard
            stdin=slave,
            timeout=processes.DEADLINE + 30,
            start_new_session=True,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert (done.returncode, done.stderr) == (1, "")
    assert "→ FAILED" in done.stdout


@in_a_terminal
@pytest.mark.slow
def test_another_size_is_drawn_at_once(tmp_path: Path) -> None:
    with Terminal(words(tmp_path, *http_backend()), clean_environment(), columns=100, lines=30) as terminal:
        terminal.wait_for("RUNNING")
        terminal.wait_for("╭─ .{80,96}╮")
        mark = len(terminal.written)
        terminal.resize(60, 20)
        terminal.wait_for("╭─ .{50,57}╮", since=mark)
        assert terminal.process.poll() is None
        terminal.press("q")
        assert terminal.wait() == 0


@in_a_terminal
@pytest.mark.slow
def test_no_color_is_heeded(tmp_path: Path) -> None:
    with Terminal(words(tmp_path, *http_backend()), clean_environment({"NO_COLOR": "1"})) as terminal:
        terminal.wait_for("RUNNING")
        terminal.press("q")
        assert terminal.wait() == 0
        assert not re.search(rb"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;)[0-9;]*m", terminal.written)


@pytest.mark.slow
@in_a_terminal
def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    command = ["env", "TERM=dumb", *words(tmp_path, *http_backend())]
    with Terminal(command, clean_environment()) as terminal:
        terminal.wait_for(r"stateChanged +STARTING → RUNNING")
        assert b"\x1b" not in terminal.written
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.attributes() == terminal.before


@in_a_terminal
@pytest.mark.slow
def test_a_flood_of_output_costs_pictures_and_not_the_view(tmp_path: Path) -> None:
    flood = script_backend("import os\nwhile True: os.write(1, b'x' * 70 + b'\\n')")
    settings = {"backend.command": flood, "timeouts.startup": 60}
    with Terminal(words(tmp_path, settings=settings), clean_environment()) as terminal:
        terminal.wait_for("x{70}")
        began, mark = time.monotonic(), len(terminal.written)
        while time.monotonic() - began < 2.0:
            terminal.read(0.1)
        pictures = terminal.written[mark:].count(b"\x1b[H")
        assert pictures <= 2.0 / 0.1 + 5
        terminal.press("q")
        assert terminal.wait() == 0
        restored(terminal)


@in_a_terminal
@pytest.mark.slow
def test_a_job_in_the_background_leaves_the_terminal_alone(tmp_path: Path) -> None:
    """Changing the terminal would stop the whole job with SIGTTOU, including the sidecar's client."""
    command = words(tmp_path, *http_backend())
    script = "import os, subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], process_group=0).returncode)"
    with Terminal([sys.executable, "-c", script, *_for_seconds(3, command)], clean_environment()) as terminal:
        assert terminal.wait() == 0
        assert terminal.attributes() == terminal.before
