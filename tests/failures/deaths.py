"""Ways in which a backend dies, and says why, or does not."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.failures.stage import Explanation, Stage, Ways, linux, needs, posix
from tests.support.backends import aspnet_backend, aspnet_missing, http_backend, script_backend, trouble
from tests.support.client import SidecarClient

WAYS = Ways("The backend exits")
_PASS_IT_ON = "The crash report has its last output; send it to the backend's developer."
_ASPNET = needs(not aspnet_missing(), aspnet_missing() or "it is there")


def says(text: str, end: str) -> list[str]:
    """A backend with these last words, and the Python that ends it."""
    return script_backend(f"import os; os.write(2, {text.encode()!r}); {end}")


async def ready(client: SidecarClient) -> int:
    pid: int = (await client.call("backend:waitForReady"))["pid"]
    return pid


@WAYS.add(
    "The .NET runtime is not installed",
    "The .NET runtime that the backend needs is not installed.",
    "Install the .NET runtime that its output names (https://dotnet.microsoft.com/download), or ship the backend self-contained.",
)
async def runtime_missing(stage: Stage) -> Explanation:
    text = (
        "You must install or update .NET to run this application.\n\nApp: /opt/app/Aura.Api\nArchitecture: x64\n"
        "Framework: 'Microsoft.AspNetCore.App', version '8.0.0' (x64)\n.NET location: Not found\n"
    )
    # 0x80008096, of which POSIX keeps the low byte (dotnet/runtime, docs/design/features/host-error-codes.md).
    return await stage.crash(says(text, f"os._exit({0x80008096 - 2**32} if os.name == 'nt' else 0x96)"))


@WAYS.add(
    "The library libicu is missing",
    "The library libicu, which .NET needs for text and cultures, is missing.",
    "Install libicu (Debian, Ubuntu: the package libicu7x; Fedora: libicu), or set DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 in backend.env.",
    posix("libicu; Windows brings it"),
)
async def icu_missing(stage: Stage) -> Explanation:
    text = (
        "Process terminated. Couldn't find a valid ICU package installed on the system. Please install libicu (or icu-libs)"
        " using your package manager and try again.\n   at System.Environment.FailFast(System.String)\n"
    )
    return await stage.crash(says(text, "os.abort()"), backend__cwd=str(stage.folder))


@WAYS.add(
    "An unhandled .NET exception",
    "The backend crashed with an unhandled .NET exception: System.InvalidOperationException: TROUBLE: background worker failed, at"
    " TestBackend.Trouble.<frame>.",
    _PASS_IT_ON,
    _ASPNET,
)
async def dotnet_exception(stage: Stage) -> Explanation:
    async def order(client: SidecarClient) -> None:
        await trouble((await client.call("backend:waitForReady"))["port"], "crash?kind=exception")

    reported = await stage.crash(aspnet_backend(), order, backend__cwd=str(stage.folder))
    stage.facts["frame"] = reported.cause.partition("Trouble.")[2].removesuffix(".")
    assert stage.facts["frame"]
    return reported


@WAYS.add(
    "A .NET backend ends itself (FailFast)",
    "The backend crashed with a fatal .NET error (FailFast): <message>.",
    _PASS_IT_ON,
    _ASPNET,
    posix("SIGABRT; on Windows the exit code 0xC0000602 reports the same without its text"),
)
async def dotnet_failfast(stage: Stage) -> Explanation:
    async def order(client: SidecarClient) -> None:
        await trouble((await client.call("backend:waitForReady"))["port"], "crash?kind=failfast")

    reported = await stage.crash(aspnet_backend(), order, backend__cwd=str(stage.folder))
    stage.facts["message"] = reported.cause.partition("(FailFast): ")[2].removesuffix(".")
    assert "TROUBLE" in str(stage.facts["message"])
    return reported


@WAYS.add(
    "A .NET exception that its main program caught and logged",
    "The backend crashed with an exception that it logged: System.InvalidOperationException: no licence, at "
    "Acme.Program.Main(String[] args) in /src/Program.cs:line 12.",
    _PASS_IT_ON,
)
async def dotnet_logged(stage: Stage) -> Explanation:
    text = (
        "[12:00:00 FTL] Host terminated unexpectedly\nSystem.InvalidOperationException: no licence\n"
        "   at Acme.Program.Main(String[] args) in /src/Program.cs:line 12\n"
    )
    return await stage.crash(says(text, "os._exit(1)"))


@WAYS.add(
    "A Python exception",
    "The backend crashed with a Python exception: ZeroDivisionError: division by zero, at <path>:2 in serve.",
    _PASS_IT_ON,
)
async def python_exception(stage: Stage) -> Explanation:
    path = stage.file("server.py", b"def serve():\n    1 / 0\n\nserve()\n")
    return await stage.crash([sys.executable, "-I", "-S", path])


@WAYS.add(
    "A JavaScript exception",
    "The backend crashed with an uncaught JavaScript error: TypeError: server.listen is not a function, at serve (<path>:1:40).",
    _PASS_IT_ON,
    needs(shutil.which("node"), "node is not installed"),
)
async def node_exception(stage: Stage) -> Explanation:
    path = stage.file("server.js", b"function serve(server) { return server.listen(1); }\nserve({});\n")
    return await stage.crash(["node", path])


@WAYS.add(
    "A module of the backend is missing",
    "Part of the backend is missing: waitress_gone.",
    "Reinstall the app: its files are incomplete or were damaged (antivirus programs quarantine single files)."
    " During development, install its dependencies, and check that backend.cwd is its folder.",
)
async def module_missing(stage: Stage) -> Explanation:
    return await stage.crash(script_backend("import waitress_gone"))


@WAYS.add(
    "FFmpeg is missing",
    "FFmpeg, which the backend needs, was not found.",
    "Install FFmpeg, or set FFMPEG_PATH in backend.env to the program.",
    posix("the text of a missing program; on Windows it is localized and names none"),
)
async def ffmpeg_missing(stage: Stage) -> Explanation:
    code = "import subprocess; subprocess.run(['/no/such/folder/ffmpeg', '-version'])"
    return await stage.crash(script_backend(code))


@WAYS.add(
    "The disk is full",
    "The disk is full.",
    "Free some space on the disk that holds the app's data and temporary files.",
    linux("/dev/full"),
)
async def disk_full(stage: Stage) -> Explanation:
    return await stage.crash(script_backend("with open('/dev/full', 'w') as file: file.write('x')"))


@WAYS.add(
    "The database is locked",
    "The database is locked by another program.",
    "Close the other copy of the app, or the tool that has the database open, then restart.",
)
async def database_locked(stage: Stage) -> Explanation:
    path = stage.folder / "app.db"
    database = stage.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
    database.execute("BEGIN EXCLUSIVE")
    code = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0.1).execute('CREATE TABLE a (b)')"
    return await stage.crash(script_backend(code))


@WAYS.add(
    "Too many files are open",
    "The backend has too many files and connections open.",
    "Raise the limit on open files (ulimit -n); if it happens again later, the backend leaks them: report it to its developer.",
    posix("resource limits"),
)
async def too_many_files(stage: Stage) -> Explanation:
    code = "files = [open('/dev/null') for _ in range(100)]"
    return await stage.crash(script_backend(code), limits__open_files=32)


@WAYS.add(
    "The backend's processes use more memory than the settings allow",
    "Its processes used <used> MiB of memory (proportional set size, which counts shared pages once, without mapped files), more than limits.memory (40 MiB) allows, and were killed.",
    "Raise limits.memory, or find out why the backend needs so much.",
    posix("the sentence names what this system measures"),
)
async def over_its_memory(stage: Stage) -> Explanation:
    code = "import time; hog = bytearray(b'x' * (100 << 20)); time.sleep(600)"
    settings = {"limits__memory": 40 << 20, "resources__interval": 0.1}
    reported = await stage.crash(script_backend(code), **settings)
    stage.facts["used"] = reported.cause.split()[3]
    return reported


_GROUPS = Path("/sys/fs/cgroup/memory")  # of version 1: version 2 has no room for processes in a group with children


def _own_group() -> Path | None:
    """Our own control group, where another may be made below it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    paths = [line.partition(":memory:")[2] for line in lines if ":memory:" in line]
    group = _GROUPS / paths[0].lstrip("/") if paths else None
    return group if group is not None and os.access(group, os.W_OK) else None


@contextlib.contextmanager
def _group_of_limited_memory(size: int) -> Iterator[Path]:
    own = _own_group()
    assert own is not None
    group = own / f"sidecar-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(size))
        yield group
    finally:
        group.rmdir()


@WAYS.add(
    "Memory ran out",
    "The system killed the backend because memory ran out.",
    "Close other programs, process less at a time, or raise the memory limit of the container or service.",
    linux("control groups"),
    needs(
        _own_group() if sys.platform == "linux" else None, "no control group with a limit of memory may be made here"
    ),
)
async def out_of_memory(stage: Stage) -> Explanation:
    group = stage.enter_context(_group_of_limited_memory(150 << 20))
    join = ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    code = "hog = [bytearray(b'x' * (1 << 20)) for _ in range(1000)]; import time; time.sleep(600)"
    return await stage.crash(script_backend(code), command=join)


@WAYS.add(
    "It was killed from outside",
    "The backend was killed by a user or another program; the system's out-of-memory killer was not involved.",
    "Check what may kill programs here: antivirus, service manager, container runtime, task killer.",
    linux("signals, and a kernel that counts its own kills"),
)
async def killed(stage: Stage) -> Explanation:
    async def kill(client: SidecarClient) -> None:
        os.kill(await ready(client), signal.SIGKILL)

    return await stage.crash(http_backend(), kill)


@WAYS.add(
    "It was asked to exit from outside",
    "Something outside the app asked the backend to exit (a signal, or a closed console).",
    "If that was intended, ignore it. Otherwise check for a tool that ends programs (service manager, logout, task killer).",
    posix("signals"),
)
async def terminated(stage: Stage) -> Explanation:
    async def kill(client: SidecarClient) -> None:
        os.kill(await ready(client), signal.SIGTERM)

    code = (
        "import os, time, _socket as s\n"
        "l = s.socket(); l.bind(('127.0.0.1', int(os.environ['PORT']))); l.listen(); time.sleep(600)"
    )
    return await stage.crash(script_backend(code), kill, backend__live_path="", backend__env={"PORT": "{port}"})


@WAYS.add(
    "Native code crashes",
    "The backend crashed in native code (invalid memory access).",
    "Update drivers and the native libraries that the backend uses (graphics, video). The crash report has its last output;"
    " send it to the backend's developer.",
)
async def segmentation_fault(stage: Stage) -> Explanation:
    reported = await stage.crash(script_backend("import faulthandler; faulthandler._read_null()"))
    assert stage.crash_text in {"killed by SIGSEGV (11)", "exit code 0xC0000005: access violation"}
    return reported


@WAYS.add(
    "Native code crashes, and the system keeps a core file",
    "The backend crashed in native code (invalid memory access).",
    "Update drivers and the native libraries that the backend uses (graphics, video). The crash report has its last output;"
    " send it to the backend's developer.",
    linux("core files"),
    needs(
        sys.platform == "linux" and Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core",
        "core files go to a program here, not into the working folder",
    ),
)
async def segmentation_fault_with_core(stage: Stage) -> Explanation:
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_CORE, (r.RLIM_INFINITY,) * 2)\nimport os; os.kill(os.getpid(), 11)"
    )
    reported = await stage.crash([sys.executable, "-I", "-c", code], backend__cwd=str(stage.folder))
    assert stage.crash_text == "killed by SIGSEGV (11) (core dumped)"
    return reported


@WAYS.add(
    "It exits at once without an error, for example because its stdin is empty",
    "The backend exited with code 0 within 2 s, before it listened. This is typical of backends that exit when stdin closes; here stdin is empty.",
    'Set backend.stdin = "open" if it exits with its stdin. If it starts another program and exits, use '
    "that program's command. Otherwise check its last output.",
)
async def ends_at_once(stage: Stage) -> Explanation:
    return await stage.crash(script_backend("import sys; sys.stdin.read()"))


@WAYS.add(
    "It exits later without an error",
    "The backend exited by itself, without an error.",
    "If it is meant to exit by itself, set restart.on_clean_exit = false. If it exits when stdin closes, which is empty here,"
    ' set backend.stdin = "open". Otherwise check its log.',
)
async def ends_later(stage: Stage) -> Explanation:
    return await stage.crash(script_backend("import time; time.sleep(2.1)"))


@WAYS.add(
    "It puts itself into the background",
    "Its first process exited with code 0 and left others running, which were ended too: <program>. The sidecar needs a backend whose first process keeps running.",
    'Run it in the foreground: nginx -g "daemon off;", redis-server --daemonize no, gunicorn without --daemon, postgres'
    " instead of pg_ctl; a script must end with exec, or wait for the program it starts (in a batch file: without start, or with start /wait).",
    posix("daemons that fork"),
)
async def puts_itself_into_the_background(stage: Stage) -> Explanation:
    note = stage.folder / "pid"
    code = (
        "import os, time, pathlib\nchild = os.fork()\n"
        f"if child: pathlib.Path({str(note)!r}).write_text(str(child)); os._exit(0)\nos.setsid(); time.sleep(600)"
    )
    reported = await stage.crash([sys.executable, "-I", "-c", code], restart__attempts=0)
    stage.facts["program"] = f"{Path(sys.executable).name[:15]} (pid {note.read_text()})"
    return reported


@WAYS.add(
    "A launcher that exits with 0 hides how its server ended",
    "Its process <pid>, which listened on its port, ended; then its first process exited with code 0, whatever had ended that one.",
    "Check its last output. If that shows nothing, it may have been killed: memory ran out, an antivirus, a user."
    " If it is meant to exit by itself, set restart.on_clean_exit = false.",
    posix("a pid that a test can kill"),
)
async def launcher_hides_the_end(stage: Stage) -> Explanation:
    note = stage.folder / "pid"
    code = (
        "import pathlib, subprocess, sys; child = subprocess.Popen(sys.argv[1:])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid)); child.wait()"
    )

    async def kill(client: SidecarClient) -> None:
        await ready(client)
        stage.facts["pid"] = note.read_text()
        os.kill(int(note.read_text()), signal.SIGKILL)

    return await stage.crash([sys.executable, "-I", "-c", code, *http_backend()], kill, backend__stdin="open")


@WAYS.add(
    "Its script is not in its working folder",
    "The file server.py was not found in the backend's working folder: there is no <path>.",
    "Set backend.cwd to its folder, or use its full path.",
)
async def script_elsewhere(stage: Stage) -> Explanation:
    folder = Path(sys.executable).parent
    stage.facts["path"] = folder / "server.py"
    return await stage.crash([sys.executable, "-I", "server.py"])


@WAYS.add(
    "It exits with a custom status and an unknown message",
    "Its last output: the moon is in the wrong house",
    "Check its last output in the crash report; if that does not help, send the report to the backend's developer.",
)
async def unknown_status(stage: Stage) -> Explanation:
    return await stage.crash(says("the moon is in the wrong house\n", "os._exit(3)"))
