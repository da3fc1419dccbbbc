"""Nothing of the packed sidecar's loader arrives at what it starts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import aspnet_backend, aspnet_missing, script_backend
from tests.support.client import SidecarClient
from tests.support.launch import clean_environment
from tests.support.packed import MISSING, PROGRAM, packed_folder

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "it is there")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

REPORT = """
import json, os, sys, time
report = {"environment": dict(os.environ), "folder": ""}
if sys.platform == "win32":
    import ctypes
    text = ctypes.create_unicode_buffer(1000)
    ctypes.windll.kernel32.GetDllDirectoryW(1000, text)
    report["folder"] = text.value
with open(os.environ["REPORT_FILE"] + ".part", "w", encoding="utf-8") as file:
    json.dump(report, file)
os.replace(os.environ["REPORT_FILE"] + ".part", os.environ["REPORT_FILE"])
time.sleep(600)
"""


def sidecar(backend: list[str], **more: Any) -> SidecarClient:
    folder = packed_folder()
    assert folder is not None
    return SidecarClient(backend, command=[str(folder / PROGRAM)], **more)


def assert_clean(environment: dict[str, str], given: str | None) -> None:
    folder = str(packed_folder())
    assert [name for name in environment if name.startswith(("_PYI", "_MEI"))] == []
    assert [name for name, value in environment.items() if folder in value and name != "PATH"] == []
    assert environment.get("LD_LIBRARY_PATH") == given
    assert "LD_LIBRARY_PATH_ORIG" not in environment


@pytest.mark.parametrize("given", [None, "/usr/local/lib:/opt/lib"])
async def test_a_backend_gets_the_environment_that_the_owner_gave(tmp_path: Path, given: str | None) -> None:
    reported = tmp_path / "report.json"
    environment = {"LD_LIBRARY_PATH": given, "REPORT_FILE": str(reported)}
    async with sidecar(script_backend(REPORT), env=environment, data=tmp_path / "data", cwd=tmp_path):
        await processes.until(reported.exists)
        said = json.loads(reported.read_text(encoding="utf-8"))
    assert_clean(said["environment"], given)
    assert said["folder"] == ""


@linux
@pytest.mark.skipif(bool(aspnet_missing()), reason=aspnet_missing() or "it is there")
@pytest.mark.parametrize("given", [None, "/usr/local/lib"])
async def test_nothing_arrives_at_the_real_server(tmp_path: Path, given: str | None) -> None:
    async with sidecar(aspnet_backend(), env={"LD_LIBRARY_PATH": given}, data=tmp_path) as client:
        assert_nothing_arrived((await client.call("backend:waitForReady"))["pid"], given)
        # The same by a guardian that a running sidecar had to start: there the packed program starts itself.
        old = guardian_of(client)
        os.kill(old, signal.SIGKILL)
        await processes.until(lambda: guardian_of(client) not in {0, old})
        await client.until(lambda: client.payloads("backend:crash"), "the crash")
        assert_nothing_arrived((await client.call("backend:start"))["pid"], given)
        await client.call("backend:stop")


def assert_nothing_arrived(pid: int, given: str | None) -> None:
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    assert_clean(dict(line.split("=", 1) for line in text.split("\0") if line), given)
    assert str(packed_folder()) not in Path(f"/proc/{pid}/maps").read_text()


def guardian_of(client: SidecarClient) -> int:
    """The sidecar's only child; the backend is the guardian's. 0: none at the moment."""
    import psutil

    for child in psutil.Process(client.hello["pid"]).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # killed, and reaped at this moment
            if child.name() == "backend-guard":
                return child.pid
    return 0


@linux
async def test_the_guardian_is_small_also_when_it_was_replaced(tmp_path: Path) -> None:
    import psutil

    async with sidecar(script_backend("import time; time.sleep(600)"), data=tmp_path) as client:
        await client.until(lambda: client.payloads("backend:stateChanged"), "the start")
        first = guardian_of(client)
        assert psutil.Process(first).memory_info().rss <= 12 << 20
        await client.call("backend:stop")
        os.kill(first, signal.SIGKILL)
        client.request("backend:start").add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        await processes.until(lambda: guardian_of(client) not in {0, first})
        second = psutil.Process(guardian_of(client))
        assert second.cmdline()[1:] == ["--guardian"]
        assert second.memory_info().rss <= 12 << 20
        await asyncio.sleep(0)
        await client.call("backend:stop")


@linux
def test_it_runs_where_the_locale_is_none_of_unicode(tmp_path: Path) -> None:
    """Python reads its locale's codec before our first line, and the codecs of East Asia are not in the folder."""
    compiler = shutil.which("localedef")
    made = compiler and subprocess.run(
        [compiler, "-c", "-f", "GBK", "-i", "zh_CN", tmp_path / "zh_CN.GBK"], check=False
    )
    if not (tmp_path / "zh_CN.GBK").is_dir():
        pytest.skip(f"no locale can be made here: {made or 'localedef is missing'}")
    folder = packed_folder()
    assert folder is not None
    environment = clean_environment({"LOCPATH": str(tmp_path), "LC_ALL": "zh_CN.GBK"})
    done = subprocess.run(
        [folder / PROGRAM, "--version"], env=environment, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"sidecar ")
