"""What a user sees after a failure: crash reports and resources, through the real process."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import http_backend, script_backend, trouble
from tests.support.client import RemoteError, SidecarClient


def sidecar(*backend: str, **settings: Any) -> SidecarClient:
    overrides = {name.replace("__", "."): value for name, value in settings.items()}
    quick = {"timeouts.restart_delay": 0.2, "timeouts.health_interval": 0.1, "restart.attempts": 0}
    return SidecarClient(list(backend), settings={**quick, **overrides}, flags=["--profile", "aura"])


async def crashed(client: SidecarClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """The crash event, and the report of that name."""
    event = await client.event("backend:crash")
    return event, await client.call("backend:crashReport", {"name": event["name"]})


async def test_a_crash_leaves_a_report_that_contains_everything_known(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    env = {"MY_API_KEY": "hunter2secret"}
    async with sidecar(
        *http_backend(say="the key is hunter2secret"), paths__logs=str(logs), backend__env=env
    ) as client:
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
        assert "hunter2secret" not in text
        assert await client.call("backend:crashReports") == [event]
        async with asyncio.timeout(30):
            while not (logs / f"{event['name']}.log").exists():
                await asyncio.sleep(0.01)


async def test_a_report_outlives_the_sidecar_that_wrote_it(tmp_path: Path) -> None:
    async with sidecar(*script_backend("raise ValueError('bad')"), paths__logs=str(tmp_path)) as client:
        event, _ = await crashed(client)
    async with sidecar(*http_backend(), paths__logs=str(tmp_path)) as client:
        (summary,) = await client.call("backend:crashReports")
        assert summary == event
        assert "ValueError: bad" in (await client.call("backend:crashReport", {"name": event["name"]}))["report"]


@pytest.mark.parametrize("name", ["../sidecar", "crash-2026-01-01T00-00-00.000Z", ""])
async def test_a_report_that_does_not_exist_is_refused(name: str) -> None:
    async with sidecar(*http_backend()) as client:
        with pytest.raises(RemoteError) as caught:
            await client.call("backend:crashReport", {"name": name})
        assert caught.value.code == "INVALID_ARGS"


async def test_the_resources_of_the_whole_tree_are_sampled_while_it_lives() -> None:
    async with sidecar(*http_backend(), resources__interval=0.1) as client:
        started = await client.call("backend:waitForReady")
        await client.call("sidecar:subscribe", ["backend:resourceUpdate"])
        await trouble(started["port"], "children?count=2&kind=quiet")
        await client.until(
            lambda: any(sample["processes"] >= 3 for sample in client.payloads("backend:resourceUpdate")),
            "three processes",
        )
        samples = await client.call("backend:resources")
        assert len(samples) >= 2
        assert samples[-1]["processes"] >= 3
        assert samples[-1]["memory"] > max(samples[0]["memory"], 1 << 20)
        assert all(re.fullmatch(r"\d{4}-.*Z", sample["time"]) for sample in samples)
        assert len(await client.call("backend:resources", {"window": 0.0001})) <= 1
        await client.call("backend:stop")


async def test_samples_come_only_to_a_client_that_asked() -> None:
    async with sidecar(*http_backend(), resources__interval=0.1) as client:
        await client.call("backend:waitForReady")
        while len(await client.call("backend:resources")) < 3:
            await client.call("sidecar:ping")
        assert client.payloads("backend:resourceUpdate") == []


async def test_a_limit_that_is_passed_is_reported_and_taken_back_when_the_run_ends() -> None:
    async with sidecar(
        *http_backend(), resources__interval=0.1, resources__memory_limit=1 << 20, resources__hold=0.0
    ) as client:
        await client.call("backend:waitForReady")
        alert = await client.event("backend:resourceAlert")
        assert (alert["metric"], alert["active"], alert["limit"]) == ("memory", True, 1 << 20)
        assert alert["value"] > 1 << 20
        await client.call("backend:stop")
        await client.until(
            lambda: [a["active"] for a in client.payloads("backend:resourceAlert")] == [True, False], "its end"
        )
