"""Every block of code on every page is run, or checked as far as its language can be without running it.

A comment above a block says how: ``<!-- in: PLACE -->`` runs it in a shell in a folder that has PLACE; ``file`` and ``run``
name it for a test of its own; ``part of`` is a fragment, which is only read; ``not run`` gives the reason.
"""

from __future__ import annotations

import html.parser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.settings.load import load
from tests.support.backends import http_backend
from tests.support.launch import ROOT, clean_environment, sidecar_command
from tools.pages import Block, page, pages

NODE = shutil.which("node")
MODULES = ROOT / "electron-shim" / "node_modules"
BLOCKS = [block for one in pages() for block in one.blocks()]
# What the gate itself runs as it stands there, in an empty folder: see "as_written" in .ci/run.
BY_THE_GATE = {("README.md", "python3 -m venv"), ("README.md", ".venv/bin/python -m pytest")}
LIMIT = 180.0  # seconds for one block; each takes a few


def select(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def is_run_by_the_gate(block: Block) -> bool:
    return any(block.page == name and block.text.startswith(start) for name, start in BY_THE_GATE)


# Shell ------------------------------------------------------------------------------------------------------------


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


PLACES: dict[str, Callable[[Path], None]] = {
    "my-backend": a_backend,
    "backend.py": the_guides_backend,
    "a copy of the checkout": a_copy_of_the_checkout,
}
SHELL = [
    block for block in select("sh") if block.mark[0] not in {"not run", "part of"} and not is_run_by_the_gate(block)
]


@pytest.mark.posix(reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_command_does_what_it_should(block: Block, tmp_path: Path) -> None:
    assert block.mark[0] == "in", "say above the block where it can be run, or why it cannot"
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
        "SIDECAR_PATHS__DATA": str(tmp_path / "data"),
        "PYTHONPATH": str(folder if copied else ROOT),
    }
    before = texts(folder) if copied else {}
    for line in block.text.splitlines():
        done = subprocess.run(
            ["sh", "-ec", line],
            cwd=folder,
            env=clean_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    if copied:
        assert texts(folder) == before, "what is generated was not up to date"


def texts(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix != ".pyc" and path.is_file()
    }


def test_what_the_gate_runs_is_what_it_says() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [is_run_by_the_gate(block) for block in select("sh") if block.page == "README.md"][:2] == [True, True]
    assert "as_written 1" in gate
    assert "as_written 2" in gate


# Other languages --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(NODE is None, reason="there is no Node.js on this machine")
@pytest.mark.parametrize("block", select("js"), ids=str)
def test_javascript_can_be_read_and_names_what_the_package_has(block: Block, tmp_path: Path) -> None:
    assert NODE
    # A module may await at its top level, which the fragments on the pages do.
    (tmp_path / "block.mjs").write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [NODE, "--check", "block.mjs"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    imports = re.findall(r'\{ ([^}]+) \} = require\("electron-backend-sidecar(/[\w.]+)?"\)', block.text)
    if not imports:
        return
    if not (MODULES / "msgpackr").is_dir():
        pytest.skip("npm install was not run in electron-shim: what the package has cannot be asked")
    exports = json.loads((ROOT / "electron-shim" / "package.json").read_text(encoding="utf-8"))["exports"]
    for names, entry in imports:
        target = exports[f".{entry}"]
        file = str(ROOT / "electron-shim" / (target if isinstance(target, str) else target["require"]))
        told = subprocess.run(
            [NODE, "-p", f"JSON.stringify(Object.keys(require({json.dumps(file)})))"],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert {name.strip() for name in names.split(",")} <= set(json.loads(told.stdout))


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.mark[0] in {"run", "file"}], ids=str)
def test_a_block_with_a_name_has_a_test_that_runs_it(block: Block) -> None:
    runner = {
        "run": "tests/contract/test_readme_commands.py",
        "file": "electron-shim/test/guide.test.js",
    }[block.mark[0]]
    assert f'"{block.mark[1]}"' in (ROOT / runner).read_text(encoding="utf-8")
    assert block.mark[0] == "run" or block.page == "docs/embedding.md", "guide.test.js reads that page alone"


@pytest.mark.parametrize("block", select("json"), ids=str)
def test_json_can_be_read(block: Block) -> None:
    if block.page == "docs/protocol.md":
        return  # test_protocol_page validates each message
    text = block.text if block.text.lstrip().startswith(("{", "[")) else f"{{{block.text}}}"
    assert json.loads(text)


@pytest.mark.parametrize("block", select("toml"), ids=str)
def test_toml_is_taken_by_the_sidecar(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(block.text, encoding="utf-8")
    assert load(config=str(file), environ={}).origins


@pytest.mark.parametrize("block", select("python"), ids=str)
def test_python_can_be_read(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", select("html"), ids=str)
def test_html_can_be_read_and_loads_files_that_are_shown(block: Block) -> None:
    found: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if (tag, name) == ("script", "src"))

    Reader().feed(block.text)
    assert {("file", name) for name in found} <= {one.mark for one in BLOCKS}


@pytest.mark.parametrize("block", select("mermaid"), ids=str)
def test_a_diagram_of_states_knows_the_states(block: Block) -> None:
    kind, *lines = block.text.splitlines()
    assert kind in {"flowchart LR", "stateDiagram-v2"}
    assert lines
    if kind == "stateDiagram-v2":
        from typing import get_args

        from sidecar.wire.messages import StateName

        assert set(re.findall(r"\b[A-Z]{6,}\b", block.text)) == set(get_args(StateName))


CHECKED = {"sh", "js", "json", "toml", "python", "html", "mermaid"}
# bat: test_readme compares it with the block for sh, and a workflow runs it. ts: generated. hex: test_protocol_page decodes it.
ELSEWHERE = {("README.md", "bat"), ("docs/protocol.md", "ts"), ("docs/protocol.md", "hex")}
TEXT = {"", "text"}  # what a program prints


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_no_block_is_left_out(block: Block) -> None:
    known = block.language in CHECKED | TEXT or (block.page, block.language) in ELSEWHERE
    assert known or block.mark[0] == "not run", f"nothing here checks {block.language}"
    if block.mark[0] == "not run":
        assert len(block.mark[1].split()) >= 3, "a reason is a sentence"


# Commands within sentences ----------------------------------------------------------------------------------------

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
INLINE = sorted(
    {
        code
        for one in pages()
        for code in _CODE.findall(one.text)
        if re.match(r"(python -m sidecar\b|sidecar( |$))", code)
    }
)


@pytest.mark.parametrize("code", INLINE)
def test_a_command_within_a_sentence_is_one_that_there_is(code: str) -> None:
    from sidecar.cli import _sidecar
    from sidecar.wire.channels import CHANNELS

    words = code.removeprefix("python -m ").partition(" -- ")[0].replace("\\|", " ").split()
    if words[0] != "sidecar":
        assert Path(ROOT, *words[0].split(".")).with_suffix(".py").is_file()
        return
    options = {"--help", "--version"}
    if len(words) > 1:
        command = _sidecar.commands[words[1]]
        options |= {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert set(re.findall(r"(?<!\S)\[?(--[\w-]+)", " ".join(words))) <= options
    if words[1:2] == ["call"] and words[2] != "CHANNEL":
        assert words[2] in CHANNELS
