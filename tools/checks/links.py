"""Links between pages lead to existing files and headings, and every page is reachable."""

from __future__ import annotations

from collections.abc import Iterator

from tools import ROOT, read
from tools.pages import Page, page, pages


def check() -> Iterator[str]:
    """Finds dead links, pages that nothing links to, and pages missing from the indexes."""
    every = pages()
    for one in every:
        yield from dead(one)
    reached = {(one.path.parent / target.partition("#")[0]).resolve() for one in every for target in one.links()}
    for one in every:
        if one.path not in reached and one.name != "README.md":
            yield f"{one.name}: no page links to it"
    index = read("docs/README.md")
    for path in sorted((ROOT / "docs").glob("*.md")):
        if path.name != "README.md" and f"]({path.name})" not in index:
            yield f"docs/README.md: {path.name} is not listed"
    if not page("README.md").rows("Documentation"):
        yield "README.md: the list of pages is empty"


def dead(one: Page) -> Iterator[str]:
    """Yields the dead links of a page."""
    for target in one.links():
        file, _, anchor = target.partition("#")
        there = (one.path.parent / file).resolve() if file else one.path
        if not there.is_relative_to(ROOT) or not there.exists():
            yield f"{one.name}: {target} does not exist in this repository"
        elif anchor and anchor not in (Page(there) if file else one).anchors():
            yield f"{one.name}: {target}: heading not found"
