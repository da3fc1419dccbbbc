"""The statements of docs/architecture.md, docs/security.md and docs/unverified.md about the product and the repository are true."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from sidecar.console import bundle
from sidecar.dashboard import tab as dashboard
from sidecar.settings.model import Limits
from sidecar.wire.channels import CHANNELS
from tools import PACKAGE, ROOT, read
from tools.generate import typescript
from tools.pages import Page, page

from . import facts, missing
from .layers import MAX_LINES

_PATH = re.compile(r"`((?:sidecar|electron-shim|schemas|tests|tools|docs|packaging|\.ci|\.github)/[\w./-]*)`")


def check() -> Iterator[str]:
    """Finds statements that are not true."""
    for name in ("docs/architecture.md", "docs/unverified.md", "CONTRIBUTING.md"):
        for path in sorted(set(_PATH.findall(read(name)))):
            if not (ROOT / path).exists():
                yield f"{name}: {path} does not exist"
    architecture = page("docs/architecture.md")
    yield from missing(architecture.name, architecture.text, f"shorter than {MAX_LINES} lines")
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")]
    if sum(length < 150 for length in lengths) * 2 < len(lengths):
        yield f"{architecture.name}: most files are not under 150 lines"
    yield from _security(page("docs/security.md"))
    yield from _unverified(page("docs/unverified.md"))


def _security(one: Page) -> Iterator[str]:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    needed = {re.split(r"[<>=\[ ]", line)[0] for line in project["dependencies"]}
    listed = set(re.findall(r"`([\w-]+)`", one.section("Dependencies").partition("; the npm package")[0]))
    forbidden = {"sidecar:shutdown", "sidecar:info", "backend:createFirewallRule"}
    yield from missing(
        one.name, one.text, f"the last {bundle.LAST_BYTES // 2**20} MiB of each log", "reach a `sidecar:` channel"
    )
    yield from facts(
        one.name,
        (listed == needed, f"the dependencies differ from pyproject.toml: {sorted(listed ^ needed)}"),
        (
            {"env_deny", "env_allow", "no_new_privileges"} <= set(Limits.__struct_fields__),
            "a named limit is not a setting",
        ),
        (
            not [name for name in typescript.page_channels() if name.startswith("sidecar:")],
            "a page reaches the sidecar",
        ),
        (not dashboard.SERVED & forbidden and set(CHANNELS) >= dashboard.SERVED, "the dashboard may do more"),
    )


def _unverified(one: Page) -> Iterator[str]:
    rows = [line.split("|")[1:-1] for line in one.text.splitlines() if line[:1] == "|"][2:]
    for row in rows:
        if len(row) != 3 or not all(cell.strip() for cell in row):
            yield f"{one.name}: a row needs three cells: {'|'.join(row).strip()}"
