"""docs/troubleshooting.md names nothing that there is not."""

from __future__ import annotations

import re

import pytest

from sidecar.errors import SidecarError
from sidecar.settings.values import field_types, sections
from sidecar.wire.channels import CHANNELS, EVENTS
from tools.pages import ROOT, page

PAGE = page("docs/troubleshooting.md")
HEADINGS = re.findall(r"^## (.+)$", PAGE.text, re.MULTILINE)
SHIM = (ROOT / "electron-shim" / "types" / "client.d.ts").read_text(encoding="utf-8")


def codes(kind: type[SidecarError] = SidecarError) -> set[str]:
    return {kind.code}.union(*(codes(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize("heading", HEADINGS)
def test_each_symptom_has_a_cause_and_a_remedy(heading: str) -> None:
    rows = PAGE.rows(heading)
    assert rows
    for row in rows:
        assert len(row) == 3
        assert all(row), row


def test_every_code_is_one_that_a_user_can_meet() -> None:
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE.text)) - {"NO_PROXY"}
    known = codes() | set(re.findall(r'"([A-Z_]+)"', SHIM))
    assert named
    assert named <= known, named - known


def test_the_backends_own_failures_are_all_explained() -> None:
    ours = {code for code in codes() if code.startswith(("BACKEND_", "PORT_", "STARTUP_", "STOP_", "RESTART_"))}
    assert ours <= set(re.findall(r"`([A-Z_]+)`", PAGE.text))


def test_every_setting_channel_and_event_exists() -> None:
    settings = {f"{section}.{key}" for section in sections() for key in field_types(section)}
    named = {name for name in re.findall(r"`(\w+\.\w+)", PAGE.text) if name.partition(".")[0] in sections()}
    assert named
    assert named - settings <= {"backend.diagnose"}, named - settings
    names = set(re.findall(r"\b(?:backend|runtime|sidecar):[a-zA-Z]+", PAGE.text))
    assert names <= {*CHANNELS, *EVENTS}, names - {*CHANNELS, *EVENTS}
