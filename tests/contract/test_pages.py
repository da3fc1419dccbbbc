"""Runs the documentation's shell commands verbatim: ``<!-- in: PLACE -->`` above a block names the folder.

``python -m tools.check blocks`` checks the other blocks.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.backend.ports import port_state
from tests.support.backends import http_backend
from tests.support.launch import ROOT, run, sidecar_command
from tools.pages import Block, page, pages

HTTP_SERVER_PORT = 8000
LIMIT = 180.0  # seconds for one block; each takes a few


def a_backend(folder: Path) -> None:
    words = shlex.join(http_backend()[:-2])  # but for its --port, which the command on the page gives
    script = folder / "my-backend"
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def the_guides_backend(folder: Path) -> None:
    (block,) = (one for one in page("docs/embedding.md").blocks() if one.mark == ("file", "backend.py"))
    (folder / "backend.py").write_text(block.text, encoding="utf-8")


def a_copy_of_the_checkout(folder: Path) -> None:
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", ".*_cache", "dist", "build")
    for name in ("sidecar", "docs", "schemas", "tests", "tools", "electron-shim"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)


def nothing(_folder: Path) -> None:
    pass


PLACES: dict[str, Callable[[Path], None]] = {
    "an empty folder": nothing,
    "my-backend": a_backend,
    "backend.py": the_guides_backend,
    "a copy of the checkout": a_copy_of_the_checkout,
}
SHELL = [block for one in pages() for block in one.blocks() if block.language == "sh" and block.mark[0] == "in"]


@pytest.mark.posix(reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize(
    "block",
    [block if "README" in f"{block}" else pytest.param(block, marks=pytest.mark.slow) for block in SHELL],
    ids=str,
)
def test_a_shell_command_does_what_it_should(block: Block, tmp_path: Path) -> None:
    if "-m http.server" in block.text and port_state(HTTP_SERVER_PORT) != "free":
        pytest.skip(f"another program uses port {HTTP_SERVER_PORT}, on which http.server listens by default")
    programs, folder = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    folder.mkdir()
    # Scripts, not links: an interpreter that is linked to does not know its virtual environment.
    for name, command in (("sidecar", sidecar_command()), ("python", [sys.executable]), ("python3", [sys.executable])):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    PLACES[block.mark[1]](folder)
    copied = block.mark[1] == "a copy of the checkout"
    environment = {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "HOME": str(tmp_path / "home"),  # no setting names the state, as for a user
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "SIDECAR_PROFILE": "generic",
        "PYTHONPATH": str(folder if copied else ROOT),
    }
    before = texts(folder) if copied else {}
    for line in block.text.splitlines():
        done = run(["sh", "-ec", line], cwd=folder, env=environment, timeout=LIMIT)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    if copied:
        assert texts(folder) == before, "what is generated was not up to date"


def texts(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix != ".pyc" and path.is_file()
    }
