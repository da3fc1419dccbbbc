"""What a fleet is seen with: Prometheus and node_exporter of Debian, and an OTLP receiver that decodes with OpenTelemetry's own package.

tests/programs/install puts them into a folder; what is not there is skipped.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.programs.test_programs import APPS, BIN, FOLDER
from tests.support.backends import ask, free_port, http_backend
from tests.support.client import SidecarClient
from tests.support.launch import ROOT, clean_environment, sidecar_command

PROGRAMS = FOLDER / "prometheus" / "usr" / "bin"
SHIM = ROOT / "electron-shim"
ALERTS = ROOT / "docs" / "prometheus-alerts.yml"
CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{alerts}]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""

FILES_TEST = """
rule_files: [{alerts}]
tests:
  - interval: 15s
    input_series:
      - {{series: 'backend_sidecar_info{{sidecar="dead"}}', values: 1x20}}
      - {{series: 'backend_sidecar_info{{sidecar="alive"}}', values: 1x20}}
      - {{series: 'node_textfile_mtime_seconds{{file="/x/dead.prom"}}', values: 0x20}}
      - {{series: 'node_textfile_mtime_seconds{{file="/x/alive.prom"}}', values: 0+15x20}}
      - {{series: 'node_textfile_mtime_seconds{{file="/x/apt.prom"}}', values: 0x20}}
    promql_expr_test:
      - expr: ALERTS{{alertname="SidecarGone"}}
        eval_time: 4m
        exp_samples: [{{labels: 'ALERTS{{alertname="SidecarGone", alertstate="firing", file="/x/dead.prom", sidecar="dead"}}', value: 1}}]
"""

pytestmark = pytest.mark.posix(reason="tests/programs/install is for POSIX")


def installed(*files: Path | str) -> pytest.MarkDecorator:
    missing = [str(file) for file in files if not Path(file).exists()]
    return pytest.mark.skipif(bool(missing), reason=f"not installed (tests/programs/install): {', '.join(missing)}")


@asynccontextmanager
async def running(
    *command: str | Path, stdout: int | None = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=stdout, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def firing(port: int) -> dict[str, dict[str, str]]:
    """The labels of each alert that fires, by its name."""
    try:
        _, body = await ask(port, "GET", "/api/v1/alerts")
    except OSError:
        return {}  # it is not up yet
    alerts = body["data"]["alerts"] if isinstance(body, dict) else []
    return {alert["labels"]["alertname"]: alert["labels"] for alert in alerts if alert["state"] == "firing"}


@installed(PROGRAMS / "prometheus", PROGRAMS / "prometheus-node-exporter")
async def test_prometheus_scrapes_the_file_and_alerts_on_a_crash_loop_and_on_a_backend_that_was_given_up(
    tmp_path: Path,
) -> None:
    collected = tmp_path / "collected"
    collected.mkdir()
    exporter_port, port = free_port(), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(alerts=ALERTS, port=exporter_port))
    exporter = [PROGRAMS / "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile"]
    exporter += [f"--collector.textfile.directory={collected}", f"--web.listen-address=127.0.0.1:{exporter_port}"]
    server = [PROGRAMS / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    settings = {"restart.attempts": 5, "timeouts.restart_delay": 0.5}
    backend = SidecarClient(
        http_backend("--crash-after", "0.3"), flags=["--metrics", str(collected / "aura.prom")], settings=settings
    )
    async with running(*exporter), running(*server, f"--web.listen-address=127.0.0.1:{port}"):
        async with asyncio.timeout(60):
            while not isinstance((await asked(port))[1], dict):
                await asyncio.sleep(0.1)
        async with backend as client:
            found: dict[str, dict[str, str]] = {}
            async with asyncio.timeout(90):
                while not {"BackendCrashLoop", "BackendGivenUp"} <= set(found):
                    found |= await firing(port)
                    await asyncio.sleep(0.2)
            assert found["BackendCrashLoop"]["sidecar"] == found["BackendGivenUp"]["sidecar"] == "aura"
            assert (await client.call("backend:status"))["state"] == "FAILED"
            _, answer = await ask(port, "GET", "/api/v1/query?query=backend_sidecar_crashes_by_cause_total")
            ((sample),) = answer["data"]["result"]
            assert (sample["metric"]["cause"], sample["value"][1]) == ("exception", "6")
            _, answer = await ask(port, "GET", "/api/v1/query?query=node_textfile_scrape_error")
            assert answer["data"]["result"][0]["value"][1] == "0"


async def asked(port: int) -> tuple[int, Any]:
    try:
        return await ask(port, "GET", "/api/v1/status/runtimeinfo")
    except OSError:
        return 0, None


@installed(PROGRAMS / "promtool")
async def test_promtool_finds_nothing_in_the_rules_and_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "aura.prom"
    subprocess.run([PROGRAMS / "promtool", "check", "rules", ALERTS], check=True, capture_output=True)
    async with SidecarClient(http_backend(), flags=["--metrics", str(file)]) as client:
        await client.call("backend:waitForReady")
        async with asyncio.timeout(60):
            while "backend_sidecar_memory_bytes{" not in (file.read_text() if file.exists() else ""):
                await asyncio.sleep(0.05)
        text = file.read_bytes()
    done = subprocess.run([PROGRAMS / "promtool", "check", "metrics"], input=text, check=False, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@installed(PROGRAMS / "promtool")
def test_an_old_file_of_another_program_does_not_alert(tmp_path: Path) -> None:
    test = tmp_path / "test.yml"
    test.write_text(FILES_TEST.format(alerts=ALERTS))
    done = subprocess.run([PROGRAMS / "promtool", "test", "rules", test], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@installed(
    next(BIN.parent.glob("lib/python*/site-packages/opentelemetry/proto"), BIN.parent / "opentelemetry-proto"),
    FOLDER / "node_modules" / "@opentelemetry" / "exporter-trace-otlp-proto",
    SHIM / "node_modules" / "@opentelemetry" / "api",
    shutil.which("node") or "node",
)
async def test_an_otlp_receiver_understands_what_the_observer_records(tmp_path: Path) -> None:
    backend = {"command": http_backend(), "live_path": "/health/live"}
    settings = {"backend": backend, "paths": {"data": str(tmp_path)}, "timeouts": {"restart_delay": 0.1}}
    order = {"command": sidecar_command(), "env": clean_environment(), "settings": settings}
    async with running(BIN / "python", APPS / "otlp_receiver.py", stdout=asyncio.subprocess.PIPE) as receiver:
        url = f"http://127.0.0.1:{int(await receiver.stdout.readline())}"
        command = ["node", str(FOLDER / "apps" / "otlp_app.js"), str(SHIM), url, json.dumps(order)]
        app = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        said, _ = await asyncio.wait_for(app.communicate(), 60)
        assert app.returncode == 0
        receiver.terminate()
        lines = (await receiver.stdout.read()).splitlines()
    requests = [json.loads(line) for line in lines]
    metrics = {
        metric["name"]: metric
        for request in requests
        for resource in request.get("resourceMetrics", ())
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }
    spans = [
        span
        for request in requests
        for resource in request.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    counts = {
        name: int(metric["sum"]["dataPoints"][0]["asDouble"]) for name, metric in metrics.items() if "sum" in metric
    }
    assert counts == {"backend_sidecar.starts": 2, "backend_sidecar.restarts": 1, "backend_sidecar.crashes": 1}
    (crashes,) = metrics["backend_sidecar.crashes"]["sum"]["dataPoints"]
    assert {"key": "backend_sidecar.cause", "value": {"stringValue": "exit_3"}} in crashes["attributes"]
    durations = {
        name: metric["histogram"]["dataPoints"][0] for name, metric in metrics.items() if "histogram" in metric
    }
    assert {name: metrics[name]["unit"] for name in durations} == dict.fromkeys(
        ("backend_sidecar.ready", "backend_sidecar.stop", "backend_sidecar.health"), "s"
    )
    assert int(durations["backend_sidecar.ready"]["count"]) == 2
    assert int(durations["backend_sidecar.health"]["count"]) >= 2
    assert [(span["name"], span["status"]["code"]) for span in spans] == [("backend start", "STATUS_CODE_OK")] * 2
    assert len(json.loads(said)["fingerprint"]) == 16
