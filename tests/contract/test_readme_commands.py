"""Runs the clients in the README and docs/protocol.md verbatim."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.backends import http_backend
from tests.support.launch import ROOT, run, sidecar_command
from tools.pages import snippet

NODE = os.environ.get("SIDECAR_WINDOWS_NODE") or shutil.which("node")
MODULES = ROOT / "electron-shim" / "node_modules"


def run_example(command: list[str], folder: Path, **environment: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # so that "python" is this one
    done = run(
        [*command, *http_backend()],
        cwd=folder,
        # What a reader has: no profile for this backend, so only its port is known.
        env={"PATH": path, "SIDECAR_PATHS__DATA": str(folder), "SIDECAR_PROFILE": "generic", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sidecar_script(folder: Path) -> Path:
    script = folder / "sidecar-here"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(sidecar_command())} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def check(output: str) -> None:
    for expected in ("backend:stateChanged", "RUNNING", "127.0.0.1", "uptime"):
        assert expected in output


def test_the_python_client_works_as_printed(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(snippet("client.py"), encoding="utf-8")
    check(run_example([sys.executable, "client.py"], tmp_path))


@pytest.mark.skipif(NODE is None, reason="there is no Node.js on this machine")
@pytest.mark.skipif(not (MODULES / "msgpackr").is_dir(), reason="npm install was not run in electron-shim")
def test_the_javascript_client_works_as_printed(tmp_path: Path) -> None:
    assert NODE
    (tmp_path / "client.js").write_text(snippet("client.js"), encoding="utf-8")
    check(run_example([NODE, "client.js"], tmp_path, NODE_PATH=str(MODULES)))


@pytest.mark.posix(reason="the sidecar is a script with a #! line here")
@pytest.mark.skipif(NODE is None, reason="there is no Node.js on this machine")
@pytest.mark.skipif(not (MODULES / "msgpackr").is_dir(), reason="npm install was not run in electron-shim")
def test_the_program_that_embeds_the_shim_works_as_printed(tmp_path: Path) -> None:
    assert NODE
    packages = tmp_path / "node_modules"
    packages.mkdir()
    (packages / "electron-backend-sidecar").symlink_to(ROOT / "electron-shim", target_is_directory=True)
    (tmp_path / "embed.js").write_text(snippet("embed.js"), encoding="utf-8")
    output = run_example([NODE, "embed.js"], tmp_path, ELECTRON_SIDECAR_FOLDER=str(sidecar_script(tmp_path)))
    assert re.search(r"^RUNNING ready$", output, re.MULTILINE)
    assert re.search(r"^http://127\.0\.0\.1:\d+ \d{3}$", output, re.MULTILINE)


@pytest.mark.parametrize("name", ["client.py", "client.js", "embed.js"])
def test_the_clients_are_short(name: str) -> None:
    assert len([line for line in snippet(name).splitlines() if line.strip()]) <= 32
