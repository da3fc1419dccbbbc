"""Why a backend exited: what the location of its script says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from sidecar.core.events import Outcome
from sidecar.core.exit_status import ExitStatus
from sidecar.process import landlock
from sidecar.process.base import Confinement, SandboxRequest, Survivor
from sidecar.process.platform.usage import MEASURE
from sidecar.process.spec import LaunchSpec
from sidecar.settings.model import Backend, Limits, Settings
from sidecar.supervisor.answers import error_for, explain_by_output
from sidecar.supervisor.early_end import explain_early_end
from sidecar.supervisor.run import Run
from sidecar.supervisor.unready import explain_unready


def ended(*arguments: str, cwd: Path, code: int = 2, ready: bool = False, **more: Any) -> Run:
    spec = LaunchSpec((sys.executable, *arguments), str(cwd), {})
    return Run(1, 5005, 0.0, 1.0 if ready else None, spec=spec, status=ExitStatus(code=code), lasted=0.1, **more)


@pytest.mark.parametrize(("ready", "when"), [(False, "before it listened"), (True, "and had just begun to listen")])
def test_a_backend_that_ends_at_once_may_end_with_its_stdin(tmp_path: Path, ready: bool, when: str) -> None:
    """Node's server listens before it reads the end of its stdin, Python's reads it first."""
    (tmp_path / "server.py").touch()
    run = ended("server.py", cwd=tmp_path, code=0, ready=ready)
    why = explain_early_end(run, Settings())
    assert f"within 2 s, {when}" in why.cause
    assert 'backend.stdin = "open"' in why.remedy
    probed = explain_early_end(run, Settings(backend=Backend(live_path="/live")))
    assert probed is not None
    assert ("one connection only" in probed.remedy) is ready
    later = explain_early_end(structs.replace(run, lasted=3.0), Settings())
    assert (later is None) is ready
    assert (
        later is None
        or 'If it exits when stdin closes, which is empty here, set backend.stdin = "open".' in later.remedy
    )
    assert explain_early_end(run, Settings(backend=Backend(stdin="open"))) is None


def test_a_backend_that_says_that_it_exits_with_its_stdin_is_believed_however_late(tmp_path: Path) -> None:
    said = "[serve] stopped automatically because stdin was closed (keep stdin open to continue serving)"  # esbuild
    run = structs.replace(ended(cwd=tmp_path, code=0, output=f"{said}\n"), lasted=4.0)
    why = explain_early_end(run, Settings())
    assert (why.kind, said in why.cause, why.remedy) == ("stdin_ended", True, 'Set backend.stdin = "open".')
    opened = explain_early_end(run, Settings(backend=Backend(stdin="open")))
    assert opened is None or opened.kind != "stdin_ended"


@pytest.mark.parametrize(
    ("said", "word", "kind"),
    [
        ("Killed\ndone\n", "Killed", "killed"),
        ("/usr/bin/bash: line 1: 18396 Killed                  python3 server.py\ndone\n", "Killed", "killed"),
        ("start.sh: 2: 71 Segmentation fault      (core dumped) ./server\n", "Segmentation fault", "native_crash"),
    ],
)
def test_a_shell_that_goes_on_hides_the_status_of_its_program(tmp_path: Path, said: str, word: str, kind: str) -> None:
    run = ended("start.sh", cwd=tmp_path, code=0, ready=True, output=f"up\n{said}")
    why = explain_early_end(run, Settings())
    assert f"was ended by a signal ({word})" in why.cause
    assert why.kind == kind
    quiet = explain_early_end(structs.replace(run, output="Killed 3 jobs\n"), Settings())
    assert "its shell" not in quiet.cause


def test_a_limit_that_was_passed_before_it_was_ready_is_named_with_what_was_measured(tmp_path: Path) -> None:
    run = ended("server.py", cwd=tmp_path, code=137, over_memory=300 * 2**20)
    why = explain_early_end(run, Settings(limits=Limits(memory=150 * 2**20)))
    assert why.cause.startswith(f"Its processes used 300 MiB of memory ({MEASURE}), more than limits.memory (150 MiB)")
    without_unit = explain_early_end(run, Settings(limits=Limits(memory=512)))
    assert "more than limits.memory (512 bytes)" in without_unit.cause
    assert '"512MB"' in without_unit.remedy


@pytest.mark.parametrize(
    ("command", "left", "remedy"),
    [
        (("caddy", "start"), "caddy", "caddy run instead of caddy start; a script"),
        (
            ("/usr/bin/setsid", "node", "server.js"),
            "node",
            "without setsid, because the sidecar starts it in its own session",
        ),
        (("./start.sh",), "nginx", 'Run it in the foreground: nginx -g "daemon off;"; a script'),
        (("/usr/bin/memcached", "-d", "-p", "5"), "memcached", "foreground: memcached without -d; a script"),
        (("/usr/sbin/php-fpm8.2",), "php-fpm8.2", "foreground: php-fpm -F; a script"),
        (("./start.sh",), "own", "redis-server --daemonize no, gunicorn without --daemon"),
    ],
)
def test_a_program_that_went_into_the_background_gets_its_own_remedy(
    tmp_path: Path, command: tuple[str, ...], left: str, remedy: str
) -> None:
    run = ended(cwd=tmp_path, code=0, forced=(Survivor(7, left),))
    assert run.spec is not None
    why = explain_early_end(structs.replace(run, spec=LaunchSpec(command, str(tmp_path), {})), Settings())
    assert f"left others running, which were ended too: {left} (pid 7)" in why.cause
    assert remedy in why.remedy


def test_a_question_on_an_empty_stdin_is_named(tmp_path: Path) -> None:
    output = 'Traceback (most recent call last):\n  input("Do you agree? ")\nEOFError: EOF when reading a line\n'
    why = explain_early_end(ended("setup.py", cwd=tmp_path, code=1, output=output), Settings())
    assert "asked for input on stdin, which is empty" in why.cause


GETPASS = 'File "/usr/lib/python3.11/getpass.py", line 148, in _raw_input\n    raise EOFError\nEOFError\n'


@pytest.mark.parametrize(
    ("output", "asked"),
    [(GETPASS, ""), ("Port: Aborted!\n", ": Port"), ("Warning!\nPassword: \nAborted!\n", ": Password")],
)
def test_so_is_a_question_of_getpass_and_of_click(tmp_path: Path, output: str, asked: str) -> None:
    why = explain_early_end(ended(cwd=tmp_path, code=1, output=output), Settings())
    assert why.cause == f"It asked for input on stdin, which is empty, and exited{asked}."
    later = explain_early_end(ended(cwd=tmp_path, code=1, output="Aborted!\n", ready=True), Settings())
    assert later is None


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("end", ["(Y/n) ", "[y/N]", "(yes/no): "])
def test_a_question_at_the_end_of_its_output_is_quoted(tmp_path: Path, code: int, end: str) -> None:
    run = ended(cwd=tmp_path, code=code, output=f"Starting\nUse another port instead? {end}")
    why = explain_early_end(run, Settings())
    assert (
        why.cause
        == f"It asked for input on stdin, which is empty, and exited: Use another port instead? {end.strip()}."
    )
    assert "asked" not in str(explain_early_end(run, Settings(backend=Backend(stdin="open"))))


def test_what_a_backend_printed_before_it_exited_at_once_is_quoted(tmp_path: Path) -> None:
    why = explain_early_end(ended(cwd=tmp_path, code=0, output="Nothing to do, see --help\n"), Settings())
    assert why.cause.endswith("here stdin is empty. Its last output: Nothing to do, see --help")


def test_a_script_in_the_folder_of_the_start_names_both_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.py").touch()
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "bin"
    why = explain_early_end(ended("-u", "server.py", "--port", "5005", cwd=elsewhere), Settings())
    assert f"there is no {elsewhere / 'server.py'}" in why.cause
    assert f'set backend.cwd = "{tmp_path}"' in why.remedy
    assert str(tmp_path / "server.py") in why.remedy


@pytest.mark.parametrize(("script", "built"), [("server.js", False), (".output/server/index.mjs", True)])
def test_a_script_that_a_build_makes_may_not_be_built(script: str, *, built: bool, tmp_path: Path) -> None:
    why = explain_early_end(ended(script, cwd=tmp_path), Settings())
    assert why.kind == "script_missing"
    assert ("npm run build" in why.remedy) is built


@pytest.mark.skipif(sys.platform != "linux", reason="of ELF files")
def test_a_program_that_was_not_written_to_its_end_is_distinguished_from_one_that_crashes(tmp_path: Path) -> None:
    program = tmp_path / "server"
    whole = Path("/bin/sh").read_bytes()
    run = structs.replace(
        ended(cwd=tmp_path), spec=LaunchSpec((str(program),), str(tmp_path), {}), status=ExitStatus(signal=11)
    )
    program.write_bytes(whole)
    assert explain_early_end(run, Settings()) is None
    program.write_bytes(whole[:-100])
    assert f"{program} ends 100 bytes too early" in explain_early_end(run, Settings()).cause


@pytest.mark.parametrize("name", ["build", "dist/main"])
def test_what_node_finds_without_its_ending_may_not_be_built(name: str, tmp_path: Path) -> None:
    run = ended(cwd=tmp_path)
    node = structs.replace(run, spec=LaunchSpec(("/usr/bin/node", name), str(tmp_path), {}))
    assert "npm run build" in explain_early_end(node, Settings()).remedy
    make = structs.replace(run, spec=LaunchSpec(("make", name), str(tmp_path), {}))
    assert explain_early_end(make, Settings()) is None
    (tmp_path / "dist").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / "dist/main.js").touch()
    assert explain_early_end(node, Settings()) is None


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("server.py",), {}),  # it is there
        (("-m", "server"), {}),
        (("/no/such/server.py",), {}),  # says so itself
        (("gone.py",), {"ready": True}),
        (("data.json",), {}),
        (("-c", "cd web && node gone.js"), {}),
        (("--kill-others", f"{sys.executable} gone.py"), {}),
    ],
)
def test_nothing_is_said_of_a_script_where_it_is_not_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], more: dict[str, bool]
) -> None:
    (tmp_path / "server.py").touch()
    assert explain_early_end(ended(*arguments, cwd=tmp_path, **more), Settings()) is None


STOPPING = "info: Microsoft.Hosting.Lifetime[0]\n      Application is shutting down...\n"
STARTED = "info: Microsoft.Hosting.Lifetime[0]\n      Application started. Press Ctrl+C to shut down.\n"


def test_an_app_that_shut_itself_down_is_reported_to_have_done_so(tmp_path: Path) -> None:
    settings = Settings(profile="aspnet")
    run = ended(cwd=tmp_path, code=0, ready=True, output=STARTED + STOPPING)
    why = explain_early_end(run, settings)
    assert why.cause.startswith("The app shut itself down (IHostApplicationLifetime.StopApplication or a signal")
    assert "last error" not in why.cause
    assert why.kind == "clean_exit"
    failed = "fail: Microsoft.Extensions.Hosting.Internal.Host[9]\n      BackgroundService failed\n"
    why = explain_early_end(structs.replace(run, output=STARTED + failed + STOPPING), settings)
    assert "Its last error: BackgroundService failed" in why.cause


@pytest.mark.parametrize(
    ("profile", "code", "output"),
    [
        ("generic", 0, STARTED + STOPPING),
        ("aspnet", 3, STARTED + STOPPING),
        ("aspnet", 0, STOPPING + STARTED),  # it began again, and its end says nothing
        ("aspnet", 0, "waiting until Application is shutting down...\n"),
    ],
)
def test_nothing_else_is_taken_for_its_own_shutdown(tmp_path: Path, profile: str, code: int, output: str) -> None:
    run = structs.replace(ended(cwd=tmp_path, code=code, ready=True, output=output), lasted=60.0)
    assert explain_early_end(run, Settings(profile=profile)) is None


def test_a_manager_that_gave_up_late_is_explained_by_what_it_printed_of_its_program(tmp_path: Path) -> None:
    output = "0|miss  | Error: Cannot find module './gone'\nPM2 log: Script miss.js had too many unstable restarts\n"
    run = structs.replace(ended(cwd=tmp_path, code=0, output=output), lasted=15.0)
    assert "./gone" in explain_early_end(run, Settings()).cause
    later = structs.replace(ended(cwd=tmp_path, code=0, ready=True, output=output), lasted=15.0)
    assert explain_early_end(later, Settings()) is None


@pytest.mark.posix(reason="Windows removes no folder in which a process works")
def test_a_missing_script_is_named_where_the_sidecars_own_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert explain_early_end(ended("server.py", cwd=gone), Settings()).kind == "script_missing"


@pytest.mark.parametrize("code", [0, 2])
def test_a_program_that_printed_its_usage_is_said_to_lack_an_argument(tmp_path: Path, code: int) -> None:
    said = "\nusage: app [-h] --port PORT\napp: error: the following arguments are required: --port\n"
    why = explain_early_end(ended(cwd=tmp_path, code=code, output=said), Settings())
    assert why.kind == "usage"
    assert "Its last error: app: error: the following arguments are required: --port" in why.cause
    assert "backend.command" in why.remedy
    assert explain_early_end(ended(cwd=tmp_path, ready=True, output=said), Settings()) is None


@pytest.mark.parametrize(
    "said",
    [
        "  shop  v6.0.5\n  shop [command] [...flags]\n\n  Global Flags\n    --silent  Show no errors.\n      --help  Show this help message.\n",
        "Usage:\n  shop start FILE\n  -l, --log-level\n      Log level (default to fatal)\n",
    ],
)
def test_what_a_help_says_about_an_option_is_not_the_error(tmp_path: Path, said: str) -> None:
    why = explain_early_end(ended(cwd=tmp_path, code=0, output=said), Settings())
    assert why.kind == "usage"
    assert why.cause == "It printed its usage and exited: an argument is missing or wrong."


@pytest.mark.parametrize("code", [0, 2])
def test_a_usage_below_the_error_counts_as_one_above(tmp_path: Path, code: int) -> None:
    """Go's flag, Jetty and others print it last."""
    said = "ERROR : Unknown module='deploy'.\n\nUsage:\n       java -jar start.jar [options]\n"
    why = explain_early_end(ended(cwd=tmp_path, code=code, output=said), Settings())
    assert why.kind == "usage"
    known = f"{said}Error: Unable to access jarfile app.jar\n"
    why = explain_early_end(ended(cwd=tmp_path, code=code, output=known), Settings())
    assert why is None or why.kind != "usage"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ('flag: invalid value "{PORT}" for flag -port: parse error\nUsage of ./server:\n', True),
        (
            "Unhandled exception. System.FormatException: Input string was not in a correct format.\n   at P.Main()\n",
            True,
        ),
        ("gave up\n", True),
        ("ModuleNotFoundError: No module named 'flask'\n", False),
    ],
)
def test_what_is_passed_on_unchanged_is_named_unless_something_else_is_known(
    tmp_path: Path, said: str, named: bool
) -> None:
    run = ended("{PORT}", cwd=tmp_path, output=said)
    backend = Backend(command=[sys.executable, "{PORT}"])
    why = explain_early_end(run, Settings(backend=backend))
    assert (why is not None and why.kind == "unfilled") is named
    if named:
        assert why.cause.startswith("{PORT} in backend.command is passed on unchanged.")
        assert why.remedy == "Write {port} instead of {PORT}."
        assert error_for(Outcome.EXITED, run, Settings(backend=backend)).hint == why.remedy
    ready = structs.replace(run, ready_at=1.0)
    assert explain_early_end(ready, Settings(backend=backend)) is None


WORKER = "Process SpawnProcess-1:\nTraceback (most recent call last):\n  File \"/app/app.py\", line 1, in <module>\n    import flask\nModuleNotFoundError: No module named 'flask'\n"


def test_a_manager_that_exits_with_0_after_its_workers_exception_is_not_a_daemon(tmp_path: Path) -> None:
    """Hypercorn; Python's resource tracker outlives it by some milliseconds, or by none."""
    for left in ((Survivor(7, "python3"),), ()):
        why = explain_early_end(ended(cwd=tmp_path, code=0, output=WORKER, forced=left), Settings())
        assert why.cause == "Part of the backend is missing: flask."


def test_a_manager_that_exits_with_0_after_an_error_gets_the_remedy_of_that_error(tmp_path: Path) -> None:
    """pm2-runtime with a wrong name."""
    run = ended(cwd=tmp_path, code=0, output="12:00: PM2 error: Script not found: /app/nope.js\n")
    cause = explain_early_end(run, Settings())
    assert cause is not None
    assert (cause.kind, "/app/nope.js" in cause.cause) == ("file_missing", True)


def test_a_manager_that_exits_with_0_long_after_it_was_ready_is_not_a_daemon(tmp_path: Path) -> None:
    run = ended(cwd=tmp_path, code=0, ready=True, forced=(Survivor(7, "python3"),))
    why = explain_early_end(run, Settings())
    assert why.kind == "daemonized"
    assert explain_early_end(structs.replace(run, lasted=3.1), Settings()) is None


@pytest.mark.parametrize(
    ("program", "said", "known"),
    [
        ("/usr/bin/node", "", True),
        ("npm", "Warning: Detected unsettled top-level await at file:///app/x.mjs:1\nawait db\n^\n", True),
        ("/usr/bin/node", "bad licence\n", False),
        ("/opt/server", "", False),
    ],
)
def test_nodes_own_status_of_a_module_that_waits_for_ever(
    tmp_path: Path, program: str, said: str, *, known: bool
) -> None:
    spec = LaunchSpec((program, "x.mjs"), str(tmp_path), {})
    (tmp_path / "x.mjs").touch()
    why = explain_early_end(structs.replace(ended(cwd=tmp_path, code=13, output=said), spec=spec), Settings())
    assert (why is not None) is known
    assert why is None or "never settles" in why.remedy


@pytest.mark.parametrize("output", [WORKER, "bind: Address already in use\n"])
def test_a_program_that_leaves_its_own_copy_is_a_daemon_whatever_it_printed(tmp_path: Path, output: str) -> None:
    """deluge-web prints an error that it handles; mini_httpd tries its port again for IPv4."""
    run = ended(cwd=tmp_path, code=0, output=output, forced=(Survivor(7, "deluge-web"),))
    run.spec.command = ("/usr/bin/deluge-web", "-p", "5005")
    assert explain_early_end(run, Settings()).kind == "daemonized"


@pytest.mark.parametrize("left", ["epmd", "erl_child_setup"])
def test_a_helper_that_outlives_its_program_makes_it_no_daemon(tmp_path: Path, left: str) -> None:
    said = "Kernel pid terminated (application_controller)\n"
    run = ended(cwd=tmp_path, code=0, output=said, forced=(Survivor(7, left),))
    assert explain_early_end(run, Settings()).kind != "daemonized"


def test_a_script_inside_an_asar_is_said_to_be_for_electron_alone(tmp_path: Path) -> None:
    why = explain_early_end(ended("resources/app.asar/server.py", cwd=tmp_path, code=1), Settings())
    assert "Unpack the backend" in why.remedy


def test_a_daemon_is_one_however_late_its_first_process_exits(tmp_path: Path) -> None:
    run = structs.replace(ended(cwd=tmp_path, code=0, ready=True, forced=(Survivor(7, "server"),)), lasted=60.0)
    assert explain_early_end(structs.replace(run, server=7), Settings()).kind == "daemonized"


@pytest.mark.parametrize("left", [(), (Survivor(8, "resource_tracker"),)])
@pytest.mark.parametrize(("lasted", "asks_for_stdin"), [(1.1, True), (60.0, False)])
def test_the_end_of_the_process_that_served_comes_before_a_launchers_exit_with_0(
    tmp_path: Path, left: tuple[Survivor, ...], lasted: float, asks_for_stdin: bool
) -> None:
    run = structs.replace(ended(cwd=tmp_path, code=0, ready=True, server=7, forced=left), lasted=lasted)
    why = explain_early_end(run, Settings())
    assert (why.kind, why.cause[:14]) == ("worker_ended", "Its process 7,")
    assert ("stdin" in why.remedy) is asks_for_stdin
    assert explain_early_end(structs.replace(run, oom=True), Settings()).kind == "oom_killed"
    foreman = "web.1 | terminated by SIGKILL\nworker.1 | terminated by SIGTERM\n"
    why = explain_early_end(structs.replace(run, output=foreman), Settings())
    assert why.cause.endswith("Its output: web.1 | terminated by SIGKILL.")
    failed = explain_early_end(structs.replace(run, output=WORKER), Settings())
    assert "flask" in failed.cause


def test_a_launcher_that_exits_with_an_error_may_hide_how_its_server_ended(tmp_path: Path) -> None:
    """cross-env exits with 1 and says nothing if its program was killed."""
    run = ended(cwd=tmp_path, code=1, ready=True, server=7, output="up\n")
    why = explain_by_output(run)
    assert (why.kind, "Its process 7," in why.cause, "code 1," in why.cause) == ("worker_ended", True, True)
    for other in ({"output": "Error: no licence\n"}, {"forced": (Survivor(7, "server"),)}, {"server": None}):
        assert explain_by_output(structs.replace(run, **other)).kind == "exit_1"


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("system | worker.1 stopped (rc=3)\nsystem | sending SIGTERM to web.1 (pid 7)\nsystem | web.1 stopped (rc=-15)\n", "system | worker.1 stopped (rc=3)"),
        ("job.1 | exited with code 3\nsystem | sending SIGTERM to all processes\nweb.1 | terminated by SIGTERM\n", "job.1 | exited with code 3"),
        ("[1] job exited with code 3\n--> Sending SIGTERM to other processes..\n[0] web exited with code SIGTERM\n", "[1] job exited with code 3"),
    ],
    ids=["honcho", "foreman", "concurrently"],
)  # fmt: skip
@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("ready", [True, False])
def test_a_process_manager_says_which_of_its_processes_ended_first(
    tmp_path: Path, said: str, first: str, code: int, ready: bool
) -> None:
    """The one that served ended too, because the manager ended it."""
    run = ended(cwd=tmp_path, code=code, ready=ready, server=7 if ready else None, output=f"up\n{said}")
    why = explain_early_end(run, Settings()) or explain_by_output(run)
    assert (why.kind, why.cause.endswith(f"its output: {first}.")) == ("worker_ended", True)


def test_a_taken_port_is_the_reason_whatever_the_exit_code(tmp_path: Path) -> None:
    """Starman ends with 0 when it cannot listen; an exception says no more."""
    exception = "Traceback (most recent call last):\nOSError: [Errno 98] Address already in use: 5000\n"
    for said in ("Can't connect to TCP port 5000 on :: [Address already in use]\n", exception):
        why = explain_early_end(ended(cwd=tmp_path, code=0, output=said), Settings())
        assert why.kind == "port_in_use"
        assert "another program uses" in why.cause


@pytest.mark.skipif(sys.platform != "linux" or landlock.abi() < 6, reason="no Landlock of ABI 6 here")
def test_what_the_sandbox_denied_is_the_cause_of_a_callers_error_too(tmp_path: Path) -> None:
    """Only the crash report had it; the caller was advised to change the file's rights."""
    request = SandboxRequest("standard", (str(tmp_path / "data"),), (), (), 5005, (), "/app/server", "/app")
    confined = LaunchSpec((sys.executable,), str(tmp_path), {}, confinement=Confinement(request))
    run = ended(cwd=tmp_path, code=1, output=f"PermissionError: [Errno 13] Permission denied: '{tmp_path}/x'\n")
    run = structs.replace(run, spec=confined)
    error = error_for(Outcome.EXITED, run, Settings())
    assert f"The sandbox denied the backend write access to {tmp_path}/x." in error.message
    assert "sandbox.write" in error.hint
    late = explain_unready(structs.replace(run, status=None, listening=()), Settings())
    assert f"The sandbox denied the backend write access to {tmp_path}/x." in late.cause


def test_the_error_for_a_caller_has_the_cause_and_the_remedy_of_the_crash_report(tmp_path: Path) -> None:
    said = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'flask'\n"
    error = error_for(Outcome.EXITED, ended(cwd=tmp_path, code=1, output=said), Settings())
    assert "Part of the backend is missing: flask." in error.message
    assert "install its dependencies" in error.hint
