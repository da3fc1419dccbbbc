"""Five starts that go wrong, each explained within three seconds by everything that shows a start."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.backends import free_port, http_backend, script_backend
from tests.support.client import SidecarClient
from tests.support.launch import clean_environment, sidecar_command, toml_value
from tests.support.processes import SLACK

WITHIN = 3.0  # seconds from the start of the backend
GENERIC = ["--profile", "generic"]


class Wrong(NamedTuple):
    backend: Sequence[str]
    settings: dict[str, Any]
    reason: str


def wrong(kind: str) -> Wrong:
    given, other = free_port(), free_port()
    match kind:
        case "another port":
            reason = rf"it listens on 127\.0\.0\.1:{other} instead of its port {given}\. Pass it the port: \{{port\}}"
            return Wrong(http_backend(port=other), {"backend.port": given}, reason)
        case "no health endpoint":
            reason = r"has no /nothing/here \(status 404\)\. Correct backend\.live_path"
            return Wrong(http_backend(), {"backend.live_path": "/nothing/here"}, reason)
        case "another address":
            reason = rf"it listens on 127\.0\.0\.9:{given}, which 127\.0\.0\.1 does not reach"
            return Wrong(http_backend(listen_address="127.0.0.9"), {"backend.port": given}, reason)
        case "never listens":
            code = "import time; print('Error: cannot open data.db', flush=True); time.sleep(600)"
            reason = r"none of its processes listens on a port yet; its last error: Error: cannot open data\.db"
            return Wrong(script_backend(code), {}, reason)
    return Wrong(script_backend("raise RuntimeError('no licence')"), {}, r"exit code 1\. .*RuntimeError: no licence")


seen_by_sockets = pytest.mark.not_wine(reason="Wine does not say which process a socket belongs to")
every_kind = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("another port", marks=seen_by_sockets),
        "no health endpoint",
        pytest.param("another address", marks=seen_by_sockets),
        pytest.param("never listens", marks=seen_by_sockets),
        "ends at once",
    ],
)


def run(tool: Sequence[str], data: Path, case: Wrong) -> subprocess.CompletedProcess[str]:
    values = {"paths.data": str(data), "timeouts.startup": WITHIN, **case.settings}
    flags = [word for name, value in values.items() for word in ("--set", f"{name}={toml_value(value)}")]
    return subprocess.run(
        [*sidecar_command(), *tool, *GENERIC, *flags, "--", *case.backend],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )


@every_kind
async def test_startup_progress_says_why(kind: str) -> None:
    case = wrong(kind)
    async with SidecarClient(case.backend, settings=case.settings, flags=GENERIC) as client:
        client.request("backend:start")
        found = await client.event("backend:startupProgress", where=lambda one: re.search(case.reason, one["message"]))
        assert found["elapsed"] <= WITHIN + SLACK
        assert found["limit"] == 60
        assert found["phase"] == ("failed" if kind == "ends at once" else "waiting")


@pytest.mark.slow
@every_kind
def test_watch_says_why(kind: str, tmp_path: Path) -> None:
    case = wrong(kind)
    done = run(["watch", "--seconds", "4"], tmp_path, case)
    began = re.search(r"^ *([\d.]+)  stateChanged +STOPPED → STARTING", done.stdout, re.MULTILINE)
    explained = re.search(rf"^ *([\d.]+)  .*{case.reason}", done.stdout, re.MULTILINE)
    assert began, done
    assert explained, done
    assert float(explained[1]) - float(began[1]) <= WITHIN + SLACK


@pytest.mark.slow
@every_kind
def test_doctor_says_why_while_it_starts_and_at_the_end(kind: str, tmp_path: Path) -> None:
    case = wrong(kind)
    done = run(["doctor", "--start", "--json"], tmp_path, case)
    at = re.search(rf"^\w+ ([\d.]+) of 3 s: .*{case.reason}", done.stderr, re.MULTILINE)
    assert at, done
    assert float(at[1]) <= WITHIN
    start = json.loads(done.stdout)[0]
    assert (start["check"], start["status"], done.returncode) == ("start", "failed", 1)
    assert start["remedy"]
    assert start["cause"]
    assert Path(start["report"]).parent == tmp_path / "logs"
    assert Path(start["report"]).is_file()
    if kind in {"never listens", "ends at once"}:
        assert start["output"][-1] in {"Error: cannot open data.db", "RuntimeError: no licence"}


def test_doctor_shows_the_last_ten_lines_and_the_report(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(40): print('line', n)\nsys.exit(3)"
    done = run(["doctor", "--start"], tmp_path, Wrong(script_backend(code), {}, ""))
    assert re.findall(r"\bline (\d+)\b", done.stdout.partition("Last lines")[2])[:10] == [str(n) for n in range(30, 40)]
    assert "Crash report: " in done.stdout
