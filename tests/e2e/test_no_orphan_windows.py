"""The no-orphan guarantee on Windows: whichever process is terminated, at any time, whatever runs below it, everything is gone after 2 s.

Windows has no guardian to kill: job objects belong to the kernel.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.backends import CHILDREN, http_backend
from tests.support.client import SidecarClient
from tests.support.firewall import in_wine
from tests.support.launch import sidecar_command

if sys.platform != "win32":
    pytest.skip("job objects are Windows' own; test_no_orphan.py is the matrix of the others", allow_module_level=True)

PROMISE = 2.0  # seconds, from the guarantee itself
SLACK = 4.0 if in_wine() else 0.5  # seconds: one server answers the system calls of all that Wine runs
FAMILIES = ("plain", "detached", "pipe_holder")
MOMENTS = ("booting", "ready", "stopping")
NODE = os.environ.get("SIDECAR_WINDOWS_NODE") or shutil.which("node")
PARENTS = {"python": [sys.executable, str(CHILDREN / "relay.py")], "node": [NODE or "", str(CHILDREN / "relay.js")]}
VICTIMS = {"parent": "python", "node": "node", "sidecar": "python", "sidecar below node": "node"}
needs_node = pytest.mark.skipif(NODE is None, reason="needs node.exe: SIDECAR_WINDOWS_NODE, or in PATH")


async def scenario(tmp_path: Path, victim: str, moment: str, family: str) -> None:
    file = tmp_path / "family.json"
    python, *options, script = http_backend(ignore_shutdown=True)[:4]
    rest = http_backend(ignore_shutdown=True, **({"listen_delay": 60} if moment == "booting" else {}))[4:]
    wrapper = str(CHILDREN / "windows_family.py")
    client = SidecarClient(
        [python, *options, wrapper, family, str(file), script, *rest],
        settings={"restart.attempts": 0, "timeouts.shutdown_request": 60, "timeouts.graceful_shutdown": 60},
        command=[*PARENTS[VICTIMS[victim]], *sidecar_command()],
        data=tmp_path,
        expect_exit=None,
    )
    async with client:
        if moment == "booting":
            await client.event("backend:startupProgress", where=lambda p: p["phase"] == "waiting")
        else:
            await client.call("backend:waitForReady")
        await processes.until(file.exists)
        if moment == "stopping":
            client.request("backend:stop").add_done_callback(lambda answer: answer.exception())
            await client.state("STOPPING")
        sidecar = client.hello["pid"]
        family_pids = json.loads(file.read_text())
        assert all(processes.is_alive(pid) for pid in family_pids)
        processes.kill(sidecar if victim.startswith("sidecar") else client.process.pid)
        killed = time.monotonic()
        pids = [sidecar, *family_pids]
        await processes.until(lambda: not any(map(processes.is_alive, pids)), 10, what=lambda: alive(pids))
        took = time.monotonic() - killed
        print(f"{victim}, {moment}, {family}: gone after {took * 1000:.0f} ms")
        assert took <= PROMISE + SLACK, f"gone only after {took:.2f} s"


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if processes.is_alive(pid)]


@needs_node
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_the_matrix(tmp_path: Path, victim: str, moment: str, family: str) -> None:
    await scenario(tmp_path, victim, moment, family)


@needs_node
@pytest.mark.long
@pytest.mark.parametrize("attempt", range(4))
async def test_the_matrix_again(tmp_path: Path, attempt: int) -> None:
    for victim in VICTIMS:
        for moment in MOMENTS:
            for family in FAMILIES:
                folder = tmp_path / f"{victim}-{moment}-{family}"
                folder.mkdir()
                await scenario(folder, victim, moment, family)
