"""What docs/architecture.md, docs/security.md and docs/unverified.md say, against the product and the repository."""

from __future__ import annotations

import re
import tomllib

import pytest

from sidecar.console import bundle
from sidecar.dashboard import channels as dashboard
from sidecar.settings.model import Limits
from sidecar.wire.channels import CHANNELS
from tools import PACKAGE
from tools.checks.layers import MAX_LINES as LONGEST
from tools.generate import architecture_page as house
from tools.generate import typescript
from tools.pages import ROOT, page

ARCHITECTURE, SECURITY, UNVERIFIED = (page(f"docs/{name}.md") for name in ("architecture", "security", "unverified"))


def test_the_table_of_rooms_is_the_house_as_it_stands() -> None:
    assert house.filled(ARCHITECTURE.text) == ARCHITECTURE.text, "run `python -m tools.generate`"


def test_the_table_would_notice_another_import() -> None:
    rows = {room.strip("`"): imports for _, room, _, imports in ARCHITECTURE.rows("Packages and layers")}
    assert "`wire`" in rows["rpc"]
    assert "`rpc`" not in rows["wire"]
    assert all(purpose for _, _, purpose, _ in ARCHITECTURE.rows("Packages and layers"))


def test_the_promised_length_of_a_file_is_the_one_that_is_held() -> None:
    assert f"shorter than {LONGEST} lines" in ARCHITECTURE.text
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")]
    assert sum(length < 150 for length in lengths) > len(lengths) / 2


@pytest.mark.parametrize("text", [ARCHITECTURE.text, UNVERIFIED.text], ids=["architecture", "unverified"])
def test_every_folder_file_and_module_that_is_named_is_there(text: str) -> None:
    named = re.findall(r"`((?:sidecar|electron-shim|schemas|tests|docs|packaging|\.ci|\.github)/[\w./-]*)`", text)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_a_page_reaches_no_channel_of_the_sidecars_own() -> None:
    assert "reach a `sidecar:` channel" in SECURITY.text
    assert not [name for name in typescript.page_channels() if name.startswith("sidecar:")]


def test_the_dashboard_may_do_what_the_table_says() -> None:
    assert not dashboard.SERVED & {"sidecar:shutdown", "sidecar:info", "backend:createFirewallRule"}
    assert set(CHANNELS) >= dashboard.SERVED


def test_numbers_and_lists_of_the_security_page_are_true() -> None:
    assert f"the last {bundle.LAST_BYTES // 2**20} MiB of each log" in SECURITY.text
    assert {"env_deny", "env_allow", "no_new_privileges"} <= set(Limits.__struct_fields__)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=\[ ]", one)[0] for one in project["dependencies"]}
    listed = SECURITY.section("Dependencies").partition("; the shim")[0]
    assert set(re.findall(r"`([\w-]+)`", listed)) == needed


def test_what_is_not_verified_has_a_reason_and_a_way() -> None:
    rows = [row for line in UNVERIFIED.text.splitlines() if line[:1] == "|" for row in [line.split("|")[1:-1]]][2:]
    assert len(rows) >= 10
    for row in rows:
        assert len(row) == 3
        assert all(cell.strip() for cell in row), row
