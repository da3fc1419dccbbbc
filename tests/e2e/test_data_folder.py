"""What a data folder remembers: the port, the restarts used, other sidecars, and what a killed one left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.backends import http_backend
from tests.support.client import SidecarClient
from tests.support.runs import child

guardian = pytest.mark.posix(
    reason="on Windows the job object ends everything with the sidecar, and nothing is left to reclaim"
)


def sidecar(data: Path, *backend: str, expect_exit: int | None = 0, **settings: Any) -> SidecarClient:
    settings = {"timeouts.restart_delay": 0.1, **settings}
    return SidecarClient(
        list(backend) or http_backend(say="one line"), settings=settings, data=data, expect_exit=expect_exit
    )


async def test_the_last_port_is_kept_over_a_clean_end_and_known_before_anything_runs(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as client:
        port = (await client.call("backend:waitForReady"))["port"]
    async with sidecar(tmp_path, backend__autostart=False) as client:
        backend = (await client.call("runtime:getBootstrap"))["backend"]
        assert (backend["port"], backend["pid"], backend["ready"]) == (port, None, False)
        assert (await client.call("backend:start"))["port"] == port


async def test_the_budget_that_a_killed_sidecar_had_spent_stays_spent(tmp_path: Path) -> None:
    async with sidecar(tmp_path, expect_exit=None) as client:
        for _ in range(2):
            started = await client.call("backend:waitForReady")
            mark = client.mark()
            processes.kill(started["pid"])
            await client.event("backend:crash", since=mark)
        port = (await client.call("backend:waitForReady"))["port"]
        processes.kill(client.hello["pid"])
        await client.wait_exit(10)
    async with sidecar(tmp_path) as client:
        started = await client.call("backend:waitForReady")
        assert started["port"] == port
        processes.kill(started["pid"])
        assert (await client.event("backend:crash"))["attempt"] == 3


@guardian
async def test_what_sidecar_and_guardian_left_when_killed_in_one_instant_is_ended(tmp_path: Path) -> None:
    stubborn = http_backend(ignore_sigterm=True, ignore_shutdown=True)
    async with sidecar(tmp_path, *stubborn, expect_exit=None) as client:
        await client.call("backend:waitForReady")
        record = json.loads(next(tmp_path.glob("sidecar-run-*.json")).read_text())
        # An orphan that outlived both: the record of a sidecar that is gone names it, with its start time.
        orphan = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
            env={**os.environ, **dict([record["marker"].split("=", 1)])},
        )
        os.kill(record["guardian"][0], signal.SIGSTOP)
        os.kill(client.hello["pid"], signal.SIGKILL)
        os.kill(record["guardian"][0], signal.SIGKILL)
        await client.wait_exit(10)
    async with sidecar(tmp_path) as client:
        await client.call("backend:waitForReady")
        await asyncio.to_thread(orphan.wait, 5)
        assert orphan.returncode == -signal.SIGKILL
        assert not processes.is_alive(record["backend"][0])


async def test_two_sidecars_on_one_folder_never_touch_each_others_backend(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as first:
        one = await first.call("backend:waitForReady")
        async with sidecar(tmp_path) as second:
            other = await second.call("backend:waitForReady")
            assert other["port"] != one["port"]
            assert (await second.call("backend:status"))["sharedDataFolder"] is True
        assert processes.is_alive(one["pid"])
        assert (await first.call("backend:ping"))["success"] is True


async def test_a_sidecar_that_has_not_started_its_backend_yet_is_seen(tmp_path: Path) -> None:
    async with sidecar(tmp_path, backend__autostart=False) as first:
        await first.call("backend:status")
        async with sidecar(tmp_path) as second:
            await second.call("backend:waitForReady")
            assert (await second.call("backend:status"))["sharedDataFolder"] is True
            await first.call("backend:start")
            # each writes its own
            await processes.until(lambda: len({path.parent for path in tmp_path.glob("logs/backend*/*.log")}) == 2)


async def test_two_that_start_at_once_after_a_killed_one_see_each_other(tmp_path: Path) -> None:
    """As when the user clicks twice after a crash of the app: both sidecars took the folder's port, as if each were alone."""
    async with sidecar(tmp_path, expect_exit=None) as client:
        port = (await client.call("backend:waitForReady"))["port"]
        processes.kill(client.hello["pid"])
        await client.wait_exit()
    one, other = sidecar(tmp_path), sidecar(tmp_path)
    await one.start(wait_for_hello=False)
    async with other:
        both = [await each.call("backend:waitForReady") for each in (one, other)]
        ports = [started["port"] for started in both]
        assert ports[0] != ports[1]
        assert port in ports
        seen = [await each.call("backend:status") for each in (one, other)]
        assert any(status["sharedDataFolder"] for status in seen)
        assert [(status["restarts"], status["pid"]) for status in seen] == [(0, started["pid"]) for started in both]
        await one.close()


async def test_a_corrupt_record_is_set_aside_and_never_fatal(tmp_path: Path) -> None:
    names = []
    for number, content in enumerate([b"", b"{", b"\xff\xfe", b'{"pid_namespace": 1}', b"null"]):
        names.append(f"sidecar-run-1-{number}.json")
        (tmp_path / names[-1]).write_bytes(content)
    (tmp_path / "sidecar-last-run.json").write_bytes(b"{")
    async with sidecar(tmp_path) as client:
        assert (await client.call("backend:waitForReady"))["success"] is True
    for name in names:
        assert name in client.stderr_text
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("kind", ["a file", "read-only"])
async def test_a_data_folder_that_cannot_be_written_is_reported_and_works(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    # Not even root may make a folder below /proc; Windows lets nobody make one with a question mark in its name.
    impossible = {"linux": "/proc/sidecar", "win32": "C:\\sidecar?"}.get(sys.platform, "/dev/null/sidecar")
    folder = file if kind == "a file" else Path(impossible)
    async with SidecarClient(http_backend(), settings={"paths.data": str(folder)}, data=tmp_path) as client:
        assert (await client.call("backend:waitForReady"))["success"] is True
    assert str(folder) in client.stderr_text


async def test_a_relaunch_takes_over_port_and_logs_of_a_sidecar_that_is_ending(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    limits = {"timeouts__graceful_shutdown": 60}
    async with sidecar(tmp_path, *http_backend(stop_when=str(seen)), **limits) as old:
        first = await old.call("backend:waitForReady")
        old.request("sidecar:shutdown")
        await old.state("STOPPING")
        async with sidecar(tmp_path) as new:
            await new.event("backend:startupProgress", lambda it: f"sidecar (pid {old.hello['pid']})" in it["message"])
            status = await new.call("backend:status")
            assert (status["state"], status["port"], status["sharedDataFolder"]) == ("STARTING", None, False)
            assert processes.is_alive(first["pid"])
            seen.touch()
            await succeeded(new, first)


async def test_a_relaunch_after_the_death_of_the_app_takes_over_as_well(tmp_path: Path) -> None:
    async with sidecar(tmp_path, *http_backend(stop_delay=3, say="one line")) as old:
        first = await old.call("backend:waitForReady")
        old.close_stdin()
        await old.state("STOPPING")
        async with sidecar(tmp_path) as new:
            await succeeded(new, first)


@guardian
async def test_a_start_right_after_a_killed_sidecar_lets_its_backend_save(tmp_path: Path) -> None:
    file = tmp_path / "file"
    backend = [*child("launcher", "worker", file, 0.7), "{port}"]
    flags = ("--profile", "generic")
    async with SidecarClient(backend, flags=flags, data=tmp_path) as old:
        first = await old.call("backend:waitForReady")
        old.process.remember_descendants()
        old.kill()
        async with SidecarClient(backend, flags=flags, data=tmp_path) as new:
            await succeeded(new, first)
            assert file.read_text() == "asked\nsaved\n"


async def succeeded(new: SidecarClient, first: dict[str, Any]) -> None:
    """Its backend runs on the port of the previous one, which is gone."""
    second = await new.call("backend:waitForReady")
    assert not processes.is_alive(first["pid"])
    assert second["port"] == first["port"]
    assert (await new.call("backend:status"))["sharedDataFolder"] is False
    await processes.until(lambda: [path.name for path in new.data.glob("logs/backend*")] == ["backend"])
