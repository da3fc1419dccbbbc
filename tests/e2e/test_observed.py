"""What is recorded and reported about a run: resources, crash reports, the diagnosis, the memory limit."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import http_backend, script_backend, trouble
from tests.support.client import SidecarClient, failure
from tests.support.processes import kill, until


def sidecar(*backend: str, **settings: Any) -> SidecarClient:
    return SidecarClient(backend, settings={"resources.interval": 0.1, "timeouts.restart_delay": 0.1, **settings})


async def crashed(client: SidecarClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """The crash event, and the report of that name."""
    event = await client.event("backend:crash")
    return event, await client.call("backend:crashReport", {"name": event["name"]})


async def test_a_crash_leaves_a_report_that_contains_everything_known(tmp_path: Path) -> None:
    secret, logs = "hunter2secret", tmp_path / "logs"
    settings = {"paths__logs": str(logs), "backend__env": {"MY_API_KEY": secret}, "restart__attempts": 0}
    async with sidecar(*http_backend(say=f"the key is {secret}"), **settings) as client:
        started = await client.call("backend:waitForReady")
        await client.event("backend:healthUpdate")
        await trouble(started["port"], "crash?kind=exception")
        event, report = await crashed(client)
        assert {name: report[name] for name in event} == event
        assert "InvalidOperationException: trouble was asked for, at Test.Backend()" in event["cause"]
        assert event["remedy"]
        text = report["report"]
        for expected in (
            "STOPPED → STARTING (autostart)",
            "STARTING → RUNNING (ready)",
            "→ FAILED",
            "healthy",
            f"Port:        {started['port']}",
            f"Process:     {started['pid']}",
            "Unhandled exception. System.InvalidOperationException",
            "\nMY_API_KEY\n",  # the name, never the value
            "will not restart automatically",
            "processes  ",
            "Python 3.",
        ):
            assert expected in text, expected
        assert secret not in text
        assert secret not in str(await client.call("sidecar:info"))
        assert await client.call("backend:crashReports") == [event]
        await until((logs / f"{event['name']}.log").exists)
    assert secret not in client.stderr_text


async def test_a_report_outlives_the_sidecar_that_wrote_it(tmp_path: Path) -> None:
    settings = {"paths__logs": str(tmp_path), "restart__attempts": 0}
    async with sidecar(*script_backend("raise ValueError('bad')"), **settings) as client:
        event, _ = await crashed(client)
    async with sidecar(*http_backend(), **settings) as client:
        (summary,) = await client.call("backend:crashReports")
        assert summary == event
        assert "ValueError: bad" in (await client.call("backend:crashReport", {"name": event["name"]}))["report"]


@pytest.mark.slow
async def test_the_same_crash_has_the_same_fingerprint_on_two_machines_and_in_every_view(tmp_path: Path) -> None:
    fingerprints = {}
    for folder, above, what in (("a", 0, "ValueError"), ("b c", 9, "ValueError"), ("d", 0, "TypeError")):
        script = tmp_path / folder / "server.py"
        script.parent.mkdir()
        # fmt: off
        script.write_text("\n" * above + f"import os\ndef serve():\n    raise {what}(f'{{os.getpid()}} {folder}')\nserve()\n")
        # fmt: on
        async with sidecar(sys.executable, str(script), restart__attempts=0, backend__cwd=str(script.parent)) as client:
            crash = await client.event("backend:crash")
            (listed,) = await client.call("backend:crashReports")
            report = await client.call("backend:crashReport", {"name": crash["name"]})
        assert crash["kind"] == listed["kind"] == report["kind"] == "exception"
        assert crash["fingerprint"] == listed["fingerprint"] == report["fingerprint"]
        assert f"Fingerprint:   {crash['fingerprint']}" in report["report"]
        fingerprints[folder] = crash["fingerprint"]
    assert fingerprints["a"] == fingerprints["b c"] != fingerprints["d"]


async def test_a_report_that_does_not_exist_is_refused() -> None:
    async with sidecar(*http_backend(), backend__autostart=False) as client:
        for name in ("../../etc/passwd", "../sidecar", "crash-1/../x", "crash-2026-01-01T00-00-00.000Z", ""):
            assert (await failure(client.call("backend:crashReport", {"name": name}))).code == "INVALID_ARGS"


async def test_the_whole_tree_is_sampled_while_it_lives_and_events_come_only_to_a_client_that_asked() -> None:
    async with sidecar(*http_backend()) as client:
        started = await client.call("backend:waitForReady")
        while len(await client.call("backend:resources")) < 3:
            await client.call("sidecar:ping")
        assert client.payloads("backend:resourceUpdate") == []
        await client.call("sidecar:subscribe", ["backend:resourceUpdate"])
        await trouble(started["port"], "children?count=2&kind=quiet")
        await client.event("backend:resourceUpdate", lambda sample: sample["processes"] >= 3)
        samples = await client.call("backend:resources")
        assert samples[-1]["processes"] >= 3
        assert samples[-1]["memory"] > max(samples[0]["memory"], 1 << 20)
        assert all(re.fullmatch(r"\d{4}-.*Z", sample["time"]) for sample in samples)
        assert len(await client.call("backend:resources", {"window": 0.0001})) <= 1


async def test_a_limit_that_is_passed_is_reported_and_taken_back_when_the_run_ends() -> None:
    async with sidecar(*http_backend(), resources__memory_limit=1 << 20, resources__hold=0.0) as client:
        await client.call("backend:waitForReady")
        alert = await client.event("backend:resourceAlert")
        assert (alert["metric"], alert["active"], alert["limit"]) == ("memory", True, 1 << 20)
        assert alert["value"] > 1 << 20
        await client.call("backend:stop")
        await client.event("backend:resourceAlert", lambda alert: not alert["active"])
        assert len(client.payloads("backend:resourceAlert")) == 2


@pytest.mark.posix(reason="a killed process of Windows has an exit code as any other")
async def test_a_kill_has_the_same_cause_in_the_report_and_in_the_answer_to_a_caller() -> None:
    async with sidecar(*http_backend(), restart__attempts=0) as client:
        kill((await client.call("backend:waitForReady"))["pid"])
        crash = await client.event("backend:crash")
        error = await failure(client.call("backend:waitForReady"))
    assert crash["cause"]
    assert error.message.endswith(crash["cause"])
    assert (error.hint or "").startswith(crash["remedy"])


async def test_a_tree_above_its_memory_limit_is_killed_and_the_report_says_so() -> None:
    code = (
        "import os, time, _socket as s\n"
        "l = s.socket(); l.bind(('127.0.0.1', int(os.environ['PORT']))); l.listen()\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
        "hog = bytearray(os.urandom(1 << 20)) * 100\n"
        "time.sleep(600)\n"
    )
    backend = script_backend(code)
    settings = {"resources.interval": 0.1, "limits.memory": 60 << 20, "restart.attempts": 0}
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"]) as client:
        await client.call("backend:waitForReady")
        (client.cwd / "go").touch()  # ready first, on a busy machine, too
        crash = await client.event("backend:crash")
        assert "limits.memory" in crash["cause"]
        assert crash["final"] is True


@pytest.mark.posix(reason="rlimits, nice and no_new_privs")
async def test_limits_reach_the_backend(tmp_path: Path) -> None:
    code = (
        "import os, resource, time, _socket as s\n"
        "status = open('/proc/self/status').read()\n"
        "print(os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0], 'NoNewPrivs:\\t1' in status, flush=True)\n"
        "l = s.socket(); l.bind(('127.0.0.1', int(os.environ['PORT']))); l.listen(); time.sleep(600)\n"
    )
    settings = {"limits.cpu_nice": 5, "limits.open_files": 256, "limits.no_new_privileges": True}
    backend = [sys.executable, "-I", "-c", code]
    async with SidecarClient(backend, settings=settings, flags=["--profile", "generic"], data=tmp_path) as client:
        await client.call("backend:waitForReady")
        lines = [line["text"] for line in await client.call("backend:logs")]
        assert lines[0] == f"5 256 {sys.platform == 'linux'}"


@pytest.mark.not_wine(reason="Wine reports no pids, so the sockets of the backend's tree are unknown")
async def test_an_exposed_backend_is_reported_and_shown() -> None:
    async with sidecar(*http_backend(listen_address="0.0.0.0")) as client:
        await client.call("backend:waitForReady")
        sockets = (await client.event("backend:exposed"))["sockets"]
        assert sockets[0]["address"] == "0.0.0.0"
        assert (await client.call("backend:status"))["exposed"] == sockets


async def test_the_diagnosis_names_what_is_wrong(tmp_path: Path) -> None:
    async with sidecar(str(tmp_path / "missing"), "{PORT}", backend__autostart=False) as client:
        found = await client.call("backend:diagnose")
        checks = {check["check"]: check for check in found}
        assert len(checks) == len(found) >= 17
        assert [each["check"] for each in found if each["status"] in {"failed", "warning"} and not each["remedy"]] == []
        assert checks["settings"]["message"].startswith(
            "{PORT} in backend.command is passed on unchanged; write {port}"
        )
        assert checks["executable"]["status"] == "failed"
        assert checks["executable"]["remedy"]
        assert checks["loopback"]["status"] == "ok"


async def test_two_sidecars_on_a_folder_keep_their_backends_output_apart(tmp_path: Path) -> None:
    def reported(folder: str) -> str:
        return "".join(path.read_text() for path in (tmp_path / "logs" / folder).glob("backend-*.log"))

    async with SidecarClient(http_backend(say="I am the first"), data=tmp_path) as first:
        await first.call("backend:waitForReady")
        async with SidecarClient(http_backend(say="I am the second"), data=tmp_path) as second:
            await second.call("backend:waitForReady")
            checks = {check["check"]: check for check in await first.call("backend:diagnose")}
            assert f"pid {second.hello['pid']}" in checks["other_sidecar"]["message"]
        checks = {check["check"]: check for check in await first.call("backend:diagnose")}
        assert checks["other_sidecar"]["status"] == "ok"
    assert (reported("backend").strip(), reported("backend-2").strip()) == ("I am the first", "I am the second")
