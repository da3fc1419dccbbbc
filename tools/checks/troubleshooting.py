"""docs/troubleshooting.md: every symptom has a cause and a remedy, and every code exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools import read
from tools.pages import page

from . import unknown
from .names import error_kinds

_OURS = ("BACKEND_", "PORT_", "STARTUP_", "STOP_", "RESTART_")


def check() -> Iterator[str]:
    """Finds what is missing or does not exist."""
    one = page("docs/troubleshooting.md")
    for heading in re.findall(r"^## (.+)$", one.text, re.MULTILINE):
        rows = one.rows(heading)
        if not rows or any(len(row) != 3 or not all(row) for row in rows):
            yield f"{one.name}: {heading}: a row needs symptom, cause and remedy"
    codes = {kind.code for kind in error_kinds()}
    shim = set(re.findall(r'"([A-Z_]+)"', read("electron-shim/types/client.d.ts")))
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", one.text)) - {"NO_PROXY"}
    yield from unknown(one.name, "error code", named, codes | shim)
    for code in sorted(code for code in codes if code.startswith(_OURS)):
        if f"`{code}`" not in one.text:
            yield f"{one.name}: {code} is not explained"
