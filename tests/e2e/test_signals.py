"""Termination signals, and the signal masks and dispositions that a sidecar inherits."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import SidecarClient
from tests.support.launch import sidecar_command
from tests.support.runs import child

pytestmark = pytest.mark.posix(reason="Windows knows none of these signals")

DEAF = "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
NOHUP = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def after(preparation: str) -> list[str]:
    """The sidecar, started by a process that has changed its signals in this way."""
    code = f"import os, signal, sys; {preparation}; os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", code, *sidecar_command()]


def saving(file: Path, seconds: float = 0.5) -> list[str]:
    """A backend behind a shell that needs some time to save."""
    worker = shlex.join(child("launcher", "worker", file, seconds))
    return ["sh", "-c", f"{worker} {{port}}; true"]


def client_of(backend: list[str], data: Path, **more: Any) -> SidecarClient:
    return SidecarClient(backend, flags=("--profile", "generic"), data=data, **more)


@pytest.mark.parametrize(
    "names",
    ["SIGHUP", "SIGTERM SIGHUP", "SIGHUP SIGTERM SIGINT", pytest.param("SIGTERM SIGHUP SIGINT " * 100, id="a storm")],
)
async def test_a_hangup_asks_the_backend_to_end(tmp_path: Path, names: str) -> None:
    file = tmp_path / "file"
    async with client_of(saving(file), tmp_path) as client:
        await client.call("backend:waitForReady")
        for name in names.split():
            os.kill(client.hello["pid"], getattr(signal, name))
        assert await client.wait_exit() == 0
    assert file.read_text() == "asked\nsaved\n"


async def test_a_sidecar_started_with_blocked_signals_sees_deaths_and_termination_signals(tmp_path: Path) -> None:
    file = tmp_path / "file"
    async with client_of(saving(file), tmp_path, command=after(DEAF)) as client:
        pid = (await client.call("backend:waitForReady"))["pid"]
        mark = client.mark()
        os.kill(pid, signal.SIGKILL)
        crash = await client.event("backend:crash", since=mark)
        assert crash["signal"] == signal.SIGKILL
        await client.call("backend:waitForReady")
        os.kill(client.hello["pid"], signal.SIGTERM)
        assert await client.wait_exit() == 0
    assert file.read_text() == "asked\nsaved\n"


_GLIBC_OWN = 0b11 << 31  # SIGCANCEL (32) and SIGSETXID (33) of internal-signals.h


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("preparation", "ignored"),
    [(DEAF, 0), (NOHUP, 1)],  # SIGHUP is signal 1, and its bit the first
    ids=["deaf", "nohup"],
)
async def test_the_backend_gets_no_mask_and_ignores_nothing_but_what_nohup_does(
    tmp_path: Path, preparation: str, ignored: int
) -> None:
    file = tmp_path / "status"
    show = ["sh", "-c", f"grep ^Sig /proc/self/status > {file}; {' '.join(saving(tmp_path / 'file', 0)[2:])}"]
    async with client_of(show, tmp_path, command=after(preparation)) as client:
        await client.call("backend:waitForReady")
    signals = dict(line.split(":\t") for line in file.read_text().splitlines())
    assert int(signals["SigBlk"], 16) == 0
    # posix_spawn(3) of glibc, by which Python 3.13 starts the sidecar, leaves those ignored that glibc keeps for itself.
    assert int(signals["SigIgn"], 16) & ~_GLIBC_OWN == ignored


async def test_nohup_keeps_the_sidecar_and_its_backend(tmp_path: Path) -> None:
    async with client_of(saving(tmp_path / "file"), tmp_path, command=after(NOHUP)) as client:
        await client.call("backend:waitForReady")
        os.kill(client.hello["pid"], signal.SIGHUP)
        assert (await client.call("backend:status"))["running"] is True
        assert not (tmp_path / "file").exists()
