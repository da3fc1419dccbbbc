"""Every channel, event, setting and method that a page of the documentation names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.errors import SidecarError
from sidecar.settings.model import field_types, sections
from sidecar.wire.channels import CHANNELS, EVENTS
from tools import read
from tools.pages import Page, pages

from . import unknown

SHIM_EVENTS = {"sidecar:stderr", "sidecar:failed", "sidecar:exited", "sidecar:restarted"}
SETTINGS = {f"{section}.{key}" for section in sections() for key in field_types(section)}
# Options of attachSidecar, members of Electron's app, and a file.
_OTHERS = {"project", "executable", "args", "isPackaged", "exit", "quit", "py"}
_OPTIONS = {"onLog", "onFatal"}  # of attachSidecar


def check() -> Iterator[str]:
    """Finds names that do not exist."""
    types = "".join(read(f"electron-shim/types/{name}.d.ts") for name in ("renderer", "preload", "main"))
    methods = set(re.findall(r"^  (?:readonly )?(\w+)[(:]", types, re.MULTILINE))
    for one in pages():
        yield from unknown_names(one, methods)


def unknown_names(one: Page, methods: set[str]) -> Iterator[str]:
    """Yields the unknown names of one page.

    Args:
        one: the page.
        methods: of the objects that the shim gives to a page, and to the main process.
    """
    named = set(re.findall(r"\b(?:backend|runtime|sidecar):[a-z]\w+", one.text))
    yield from unknown(one.name, "channel or event", named, {*CHANNELS, *EVENTS, *SHIM_EVENTS})
    code = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", one.text)
    named = {word for text in code for word in re.findall(r"^(\w+\.\w+)(?: =.*)?$", text)}
    known = {f"{thing}.{name}" for thing in ("backend", "app") for name in methods | _OTHERS}
    in_sections = {word for word in named if word.partition(".")[0] in sections()}
    yield from unknown(one.name, "setting", in_sections, SETTINGS | known)
    called = set(re.findall(r"(?:electron\.)?\bbackend\.(\w+)\(", one.text))
    called |= set(re.findall(r"`\.?(on[A-Z]\w+)", one.text))
    yield from unknown(one.name, "method of window.electron.backend", called, methods | _OPTIONS)


def error_kinds(kind: type[SidecarError] = SidecarError) -> list[type[SidecarError]]:
    """Returns the tree of errors as a list."""
    return [kind, *(one for child in kind.__subclasses__() for one in error_kinds(child))]
