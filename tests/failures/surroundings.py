"""Ways in which the machine round the backend is not as it should be."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

from tests.failures.stage import ROOT, Explanation, Stage, Ways, linux, needs
from tests.support.backends import http_backend
from tests.support.client import SidecarClient
from tests.support.launch import ROOT as CHECKOUT

WAYS = Ways("Problems of the machine")
_ANOTHER_FOLDER = "to a folder on an available, writable disk that is not full."


@WAYS.add(
    "The log folder cannot be used",
    "<path> is a file where a folder should be",
    f"Remove that file. Set paths.logs {_ANOTHER_FOLDER}",
    where="doctor",
)
async def log_folder_unusable(stage: Stage) -> Explanation:
    path = stage.file("logs", b"not a folder")
    return await stage.doctor("folder_logs", http_backend(), paths__logs=path)


@WAYS.add(
    "The disk of the data folder is full",
    "The disk of <path> is full (<free> MiB free)",
    f"Free some space. Set paths.data {_ANOTHER_FOLDER}",
    linux("tmpfs"),
    ROOT,
    where="doctor",
)
async def data_disk_full(stage: Stage) -> Explanation:
    path = stage.facts["path"] = stage.folder / "disk"
    path.mkdir()
    stage.enter_context(_mounted("-t", "tmpfs", "-o", "size=4m", "none", str(path)))
    reported = await stage.doctor("folder_data", http_backend(), paths__data=str(path))
    stage.facts["free"] = reported.cause.rpartition("(")[2].split()[0]
    return reported


@contextlib.contextmanager
def _mounted(*words: str) -> Iterator[None]:
    subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", words[-1]], check=True)


@WAYS.add(
    "A second copy of the app runs",
    "Another sidecar (pid <pid>) uses the same data folder: two copies of the app are running",
    "Close one of them; two backends on one database can damage it.",
    where="doctor",
)
async def another_sidecar(stage: Stage) -> Explanation:
    """The first one is reported: it was there before the second."""
    second = await stage.enter_async_context(contextlib.AsyncExitStack())

    async def start_second(_: SidecarClient) -> None:
        client = await second.enter_async_context(stage.sidecar(http_backend()))
        await client.call("backend:waitForReady")
        stage.facts["pid"] = client.hello["pid"]

    return await stage.doctor("other_sidecar", http_backend(), start_second)


@WAYS.add(
    "A backend of an earlier run was left behind",
    "The previous sidecar left processes behind; they were ended: <pid>",
    "End the processes that still run by hand; nothing else is needed.",
    linux("processes that outlive both sidecar and guardian; a job object leaves none"),
    where="doctor",
)
async def left_behind(stage: Stage) -> Explanation:
    async with stage.sidecar(http_backend()) as client:
        client.expect_exit = None
        await client.call("backend:waitForReady")
        record = next((stage.folder / "data").glob("sidecar-run-*.json"))
        marker = record.read_text().partition('"marker":"')[2].partition('"')[0]
        # Stands for a process that got away when sidecar and guardian were killed in one instant.
        name, _, value = marker.partition("=")
        orphan = subprocess.Popen(["sleep", "600"], env={name: value, "PATH": os.environ["PATH"]})
        stage.callback(orphan.wait)
        stage.callback(orphan.kill)
        os.kill(client.hello["pid"], signal.SIGKILL)
        await client.wait_exit()
    stage.facts["pid"] = orphan.pid
    reported = await stage.doctor("orphans", http_backend())
    assert orphan.wait(10) == -signal.SIGKILL
    return reported


@WAYS.add(
    "The hosts file redirects localhost",
    "The hosts file maps localhost to 10.1.2.3",
    "Change that line to 127.0.0.1. The sidecar itself uses the address and is not affected.",
    linux("mount namespaces"),
    ROOT,
    where="doctor",
)
async def localhost_redirected(stage: Stage) -> Explanation:
    path = stage.file("hosts", b"10.1.2.3 localhost\n", mode=0o644)
    mounted = ("unshare", "--mount", "sh", "-c", f'mount --bind {path} /etc/hosts && exec "$@"', "sh")
    return await stage.doctor("hosts_file", http_backend(), command=mounted)


@WAYS.add(
    "A proxy is set that also applies to 127.0.0.1",
    "HTTP_PROXY is set and would take requests to 127.0.0.1 as well",
    "Add 127.0.0.1,localhost to NO_PROXY. The sidecar's own requests are not affected.",
    where="doctor",
)
async def proxy_set(stage: Stage) -> Explanation:
    proxy = {"HTTP_PROXY": "http://proxy.example:3128", "NO_PROXY": "example.com"}
    return await stage.doctor("proxy", http_backend(), environment=proxy)


@WAYS.add(
    "The clock is wrong",
    "The clock shows a time before this program was installed",
    "Set the date and time of this machine.",
    needs("SIDECAR_COMMAND" not in os.environ, "the sidecar under test is not a copy that can be recreated"),
    where="doctor",
)
async def clock_wrong(stage: Stage) -> Explanation:
    """A copy of the program that was installed in a year's time: the same to it as a clock that is a year behind."""
    copy = stage.folder / "installed"
    shutil.copytree(CHECKOUT / "sidecar", copy / "sidecar", ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        later = path.stat().st_mtime + 366 * 86_400
        os.utime(path, (later, later))
    return await stage.doctor("clock", http_backend(), environment={"PYTHONPATH": str(copy)})


@WAYS.add(
    "The .NET runtime is not installed (before a start)",
    "The backend needs Microsoft.AspNetCore.App 8.0.0, which is not installed",
    "Install the .NET runtime 8 (https://dotnet.microsoft.com/download), or ship the backend self-contained.",
    where="doctor",
)
async def runtime_not_installed(stage: Stage) -> Explanation:
    wanted = '{"runtimeOptions": {"framework": {"name": "Microsoft.AspNetCore.App", "version": "8.0.0"}}}'
    (stage.folder / "Server.runtimeconfig.json").write_text(wanted)
    name = "Server.exe" if sys.platform == "win32" else "Server"
    shutil.copy(sys.executable, stage.folder / name)
    return await stage.doctor("runtime", [str(stage.folder / name)])
