"""Every code block on every page is run by a test, or checked here as far as possible without running it.

A comment above a block says how: tests/contract/test_pages.py runs ``<!-- in: PLACE -->``; ``file`` and ``run`` name the block
for a separate test; ``part of`` marks a fragment, which is only parsed; ``not run`` gives the reason.
"""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from sidecar.errors import SidecarError
from sidecar.settings.load import load
from sidecar.wire.messages import StateName
from tools import read
from tools.pages import Block, pages

# The gate runs these verbatim in an empty folder: see "as_written" in .ci/run.
BY_THE_GATE = {("README.md", "python3 -m venv"), ("README.md", ".venv/bin/python -m pytest")}
_RUNNERS = {"run": "tests/contract/test_readme_commands.py", "file": "electron-shim/test/guide.test.js"}
# bat: commands.py compares it with the block for sh, and a workflow runs it. ts: generated. hex: protocol_page.py decodes it.
_ELSEWHERE = {("README.md", "bat"), ("docs/protocol.md", "ts"), ("docs/protocol.md", "hex")}
_TEXT = {"", "text"}  # what a program prints


def check() -> Iterator[str]:
    """Finds blocks that cannot be parsed, that name something that does not exist, or that nothing runs."""
    blocks = [block for one in pages() for block in one.blocks()]
    for block in blocks:
        yield from (f"{block}: {text}" for text in mistakes(block))
    for block in blocks:
        if block.language == "js":
            yield from (f"{block}: {text}" for text in (*_javascript(block), *unknown_exports(block)))
    files = {value for kind, value in (block.mark for block in blocks) if kind == "file"}
    for block in blocks:
        if block.language == "html":
            yield from (
                f"{block}: loads {name}, which is not shown" for name in _scripts(block.text) if name not in files
            )
    gate = read(".ci/run")
    if [is_run_by_the_gate(block) for block in blocks if (block.page, block.language) == ("README.md", "sh")][:2] != [
        True
    ] * 2:
        yield "README.md: the first two blocks for sh are not those that .ci/run runs"
    for number in (1, 2):
        if f"as_written {number}" not in gate:
            yield f".ci/run: does not run the README's command {number}"


def is_run_by_the_gate(block: Block) -> bool:
    """Whether .ci/run runs the block verbatim."""
    return any(block.page == name and block.text.startswith(start) for name, start in BY_THE_GATE)


def mistakes(block: Block) -> Iterator[str]:
    """Yields what is wrong with one block, as far as Python can tell."""
    kind, value = block.mark
    if kind == "not run":
        if len(value.split()) < 3:
            yield "the reason for 'not run' is not a sentence"
    elif block.language in _PARSERS:
        try:
            _PARSERS[block.language](block)
        except (ValueError, SyntaxError, SidecarError) as error:
            yield f"{error}"
    elif block.language not in {"sh", "js", "html"} | _TEXT and (block.page, block.language) not in _ELSEWHERE:
        yield f"nothing checks {block.language}"
    if kind in _RUNNERS and f'"{value}"' not in read(_RUNNERS[kind]):
        yield f"{_RUNNERS[kind]} does not run {value}"
    if kind == "file" and block.page != "docs/embedding.md":
        yield f"{_RUNNERS[kind]} reads only docs/embedding.md"
    if block.language == "sh" and not kind and not is_run_by_the_gate(block):
        yield "say above the block where it can be run, or why it cannot"


def _json(block: Block) -> None:
    if block.page != "docs/protocol.md":  # protocol_page.py validates each message there
        json.loads(block.text if block.text.lstrip().startswith(("{", "[")) else f"{{{block.text}}}")


def _toml(block: Block) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "settings.toml")
        file.write_text(block.text, encoding="utf-8")
        if not load(config=str(file), environ={}).origins:
            raise ValueError("sets nothing")


def _mermaid(block: Block) -> None:
    kind, *lines = block.text.splitlines()
    if kind not in {"flowchart LR", "stateDiagram-v2"} or not lines:
        raise ValueError(f"not a known diagram: {kind}")
    shown = set(re.findall(r"\b[A-Z]{6,}\b", block.text))
    if kind == "stateDiagram-v2" and shown != set(get_args(StateName)):
        raise ValueError(f"its states are not those of the product: {sorted(shown ^ set(get_args(StateName)))}")


_PARSERS: dict[str, Callable[[Block], object]] = {
    "json": _json,
    "toml": _toml,
    "mermaid": _mermaid,
    "python": lambda block: compile(block.text, str(block), "exec"),
}


def _scripts(text: str) -> list[str]:
    """Returns the scripts that a page loads."""
    found: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if (tag, name) == ("script", "src"))

    Reader().feed(text)
    return found


def _javascript(block: Block) -> Iterator[str]:
    """Yields what Node.js refuses to parse; nothing if Node.js is not installed."""
    node = shutil.which("node")
    if node is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        # A module allows await at its top level, which the fragments on the pages use.
        Path(folder, "block.mjs").write_text(block.text, encoding="utf-8")
        command = [node, "--check", "block.mjs"]
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        yield done.stderr.strip().replace("\n", " ")


def unknown_exports(block: Block) -> Iterator[str]:
    """Yields names that the package's sources do not export. An installed package may be missing or out of date."""
    exports = json.loads(read("electron-shim/package.json"))["exports"]
    for names, entry in re.findall(r'\{ ([^}]+) \} = require\("electron-backend-sidecar(/[\w.]+)?"\)', block.text):
        target = exports.get(f".{entry}", {}).get("require")
        source = read(str(Path("electron-shim", target["default"]))) if target else ""
        known = re.findall(r"\w+", "".join(re.findall(r"^module\.exports = \{(.+)\};$", source, re.MULTILINE)))
        for name in sorted({name.strip() for name in names.split(",")} - set(known)):
            yield f"electron-backend-sidecar{entry} does not export {name}"
