"""Whatever a page names as a channel, an event, a setting or a method of the page's objects is one."""

from __future__ import annotations

import re

import pytest

from sidecar.settings.values import field_types, sections
from sidecar.wire.channels import CHANNELS, EVENTS
from tools.generate import typescript
from tools.pages import ROOT, Page, pages

PAGES = pages()
SETTINGS = {f"{section}.{key}" for section in sections() for key in field_types(section)}
TYPES = "".join(
    (ROOT / "electron-shim" / "types" / name).read_text(encoding="utf-8") for name in ("renderer.d.ts", "preload.d.ts")
)
# Options of attachSidecar, members of Electron's app, and a file.
OTHERS = {"project", "executable", "args", "isPackaged", "exit", "quit", "py"}
METHODS = set(re.findall(r"^  (?:readonly )?(\w+)[(:]", TYPES, re.MULTILINE))


def code(one: Page) -> list[str]:
    """What stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", one.text)


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_channels_and_events(one: Page) -> None:
    named = set(re.findall(r"\b(?:backend|runtime|sidecar):[a-z]\w+", one.text))
    ours = {"sidecar:stderr", "sidecar:failed", "sidecar:exited", "sidecar:restarted"}  # the shim's own
    assert named <= {*CHANNELS, *EVENTS, *ours}, named - {*CHANNELS, *EVENTS, *ours}


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_settings(one: Page) -> None:
    named = {word for text in code(one) for word in re.findall(r"^(\w+\.\w+)(?: =.*)?$", text)}
    named = {word for word in named if word.partition(".")[0] in sections()}
    methods = {f"{thing}.{name}" for thing in ("backend", "app") for name in METHODS | OTHERS}
    assert named <= SETTINGS | methods, named - SETTINGS - methods


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_methods_of_the_page(one: Page) -> None:
    named = set(re.findall(r"(?:electron\.)?\bbackend\.(\w+)\(", one.text)) | set(
        re.findall(r"`\.?(on[A-Z]\w+)", one.text)
    )
    known = METHODS | {"onLog", "onFatal"}  # options of attachSidecar
    assert named <= known, named - known
    assert typescript.method_name("backend:getUrl") in METHODS
