"""Version, package versions and changelog match (.ci/release_check.py), and the changelog is ready for a release."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator

from tools import ROOT, read

from . import facts


def check() -> Iterator[str]:
    """Finds mismatches, and mistakes in the changelog."""
    script = runpy.run_path(str(ROOT / ".ci" / "release_check.py"))
    yield from script["disagreements"](ROOT, None)
    log: dict[str, tuple[str, str]] = script["sections"](read("CHANGELOG.md"))
    yield from changelog(log, script["version_of"](ROOT))


def changelog(log: dict[str, tuple[str, str]], version: str) -> Iterator[str]:
    """Yields what makes a changelog, version → (date, text), unfit for a release."""
    dates = [day for name, (day, _) in log.items() if name != "Unreleased"]
    yield from facts(
        "CHANGELOG.md",
        (next(iter(log), "") in {"Unreleased", version}, f"begins neither with Unreleased nor with {version}"),
        (any(text for _, text in log.values()), "is empty"),
        (dates == sorted(dates, reverse=True), "the newest release is not the first"),
        (all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in dates), "a release has no date YYYY-MM-DD"),
    )
