"""A backend launched before the event loop exists is owned by the guardian at once, and adopted like any other run."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tests.support import processes
from tests.support.backends import CHILDREN, http_backend, script_backend
from tests.support.client import SidecarClient
from tests.support.launch import clean_environment, sidecar_command

WINDOWS = sys.platform == "win32"
FAMILY = (
    script_backend(
        "import subprocess, sys, time\n"
        "bare = [sys.executable, '-I', '-S', '-c', 'import time; time.sleep(60)']\n"
        "subprocess.Popen(bare, creationflags=subprocess.DETACHED_PROCESS, stdout=subprocess.DEVNULL)\n"
        "time.sleep(60)"
    )
    if WINDOWS
    else ["/bin/sh", "-c", "setsid sleep 60 & (setsid sleep 60 &) ; trap '' TERM; while :; do sleep 1; done"]
)
SLOWNESS = 10 if WINDOWS else 1  # of a start under Wine
PROMISE = 2.0 + processes.SLACK
VICTIMS = ["parent", "sidecar", pytest.param("guardian", marks=pytest.mark.posix(reason="job objects take its place"))]


def end(victim: str, milliseconds: float, data: Path, *, after_crash: bool = False) -> None:
    """Kills one of parent, sidecar and guardian shortly after the start, or after a crash of the backend; nothing may be left."""
    name, value = "EARLY_END", str(uuid.uuid4())
    relay = subprocess.Popen(
        [sys.executable, "-I", "-S", str(CHILDREN / "relay.py"), *sidecar_command(), "serve", "--set", f"paths.data={data}",
         "--set", f"restart.attempts={int(after_crash)}", "--", *FAMILY],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment({name: value}),
    )  # fmt: skip
    with relay:
        sidecar = processes.wait_until(lambda: processes.descendants(relay.pid))[0]
        if after_crash:
            psutil.Process(processes.wait_until(lambda: recorded_backend(data))).kill()
        time.sleep(milliseconds * SLOWNESS / 1000)
        below = processes.descendants(sidecar)
        pid = {"parent": relay.pid, "sidecar": sidecar, "guardian": below[0] if below else 0}[victim]
        if pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
        if victim == "guardian":
            time.sleep(0.3)  # another one takes its place, or takes over what is left
        relay.stdin.close()
        began = time.monotonic()
        processes.wait_until(
            lambda: not processes.marked(f"{name}={value}"),
            what=lambda: (milliseconds, processes.marked(f"{name}={value}")),
        )
        assert time.monotonic() - began <= PROMISE, f"{victim} killed after {milliseconds} ms"
        relay.wait()


def recorded_backend(data: Path) -> int:
    """The pid of the backend in the record; 0 if there is none."""
    for record in data.glob("sidecar-run-*.json"):
        backend = json.loads(record.read_text())["backend"]
        return backend[0] if backend else 0
    return 0


@pytest.mark.parametrize(
    "milliseconds", [5, 40, *(pytest.param(each, marks=pytest.mark.slow) for each in (15, 25, 60, 100))]
)
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_any_kill_during_the_start_nothing_is_left(tmp_path: Path, victim: str, milliseconds: int) -> None:
    end(victim, milliseconds, tmp_path)


@pytest.mark.parametrize("milliseconds", [4, *(pytest.param(each, marks=pytest.mark.slow) for each in (0, 2, 8, 15))])
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_any_kill_during_an_automatic_restart_nothing_is_left(
    tmp_path: Path, victim: str, milliseconds: int
) -> None:
    end(victim, milliseconds, tmp_path, after_crash=True)


@pytest.mark.slow
@pytest.mark.parametrize("after_crash", [False, True])
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_a_kill_at_a_random_moment_nothing_is_left(tmp_path: Path, victim: str, after_crash: bool) -> None:
    end(victim, random.uniform(0, 20 if after_crash else 120), tmp_path, after_crash=after_crash)


async def test_the_run_is_adopted_with_its_record_its_events_and_its_output(tmp_path: Path) -> None:
    async with SidecarClient(http_backend(say_stdout="early"), data=tmp_path) as client:
        started = await client.call("backend:waitForReady")
        record = json.loads(next(tmp_path.glob("sidecar-run-*.json")).read_text())
        assert (record["port"], record["backend"][0]) == (started["port"], started["pid"])
        states = [event["state"] for event in client.payloads("backend:stateChanged")]
        assert states == ["STARTING", "RUNNING"]
        assert "early" in [line["text"] for line in await client.call("backend:logs")]
        await client.call("backend:restart")
        restarted = await client.call("backend:status")
        assert restarted["port"] == started["port"]
        assert restarted["pid"] != started["pid"]


async def test_two_that_start_at_once_on_one_folder_use_two_ports(tmp_path: Path) -> None:
    one, other = (SidecarClient(http_backend(), data=tmp_path) for _ in range(2))
    await one.start(wait_for_hello=False)
    async with other:
        ports = [(await each.call("backend:waitForReady"))["port"] for each in (one, other)]
        assert ports[0] != ports[1]
        await one.close()


async def test_a_program_that_cannot_be_executed_is_explained(tmp_path: Path) -> None:
    program = tmp_path / "server.exe"
    program.write_bytes(b"\x7fELF" + bytes(60))
    program.chmod(0o755)
    async with SidecarClient([str(program)], settings={"restart.attempts": 0}) as client:
        crash = await client.event("backend:crash")
        assert (crash["kind"], crash["run"]) == ("backend_not_executable", 1)
        assert str(program) in crash["cause"]


async def test_invalid_settings_start_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    client = SidecarClient(
        script_backend(f"import time; open({str(trace)!r}, 'w').close(); time.sleep(60)"),
        settings={"timeouts.startup": -1},
        expect_exit=78,
    )
    async with client:
        await client.error("INVALID_CONFIG")
        await client.wait_exit()
    assert not trace.exists()


@pytest.mark.posix(reason="descriptors are inherited by their number")
async def test_no_run_gets_what_the_app_left_open_for_the_sidecar(tmp_path: Path) -> None:
    """The first run did inherit it: a sandboxed backend could use the file, and any backend kept a port that should have been free."""
    backend = script_backend("import os; print(sorted(map(int, os.listdir('/dev/fd')))[:-1]); raise SystemExit(1)")
    command = ["/bin/sh", "-c", 'exec "$0" "$@" 7</etc/passwd 9</etc/passwd', *sidecar_command()]
    settings = {"restart.attempts": 1}
    async with SidecarClient(backend, command=command, settings=settings, data=tmp_path) as client:
        await client.state("FAILED")
        lines = await client.call("backend:logs", {"lines": 10})
    assert [line["text"] for line in lines] == ["[0, 1, 2]"] * 2
