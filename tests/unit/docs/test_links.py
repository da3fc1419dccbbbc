"""No link on any page leads nowhere."""

from __future__ import annotations

import pytest

from tools.pages import ROOT, Page, pages

PAGES = pages()
LINKS = [(one, target) for one in PAGES for target in one.links()]


@pytest.mark.parametrize(("one", "target"), LINKS, ids=[f"{one.name}>{target}" for one, target in LINKS])
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(one: Page, target: str) -> None:
    file, _, anchor = target.partition("#")
    there = (one.path.parent / file).resolve() if file else one.path
    assert there.exists(), there
    assert there.is_relative_to(ROOT), "what lies outside of the repository is in nobody's checkout"
    if anchor:
        assert anchor in Page(there).anchors()


def test_every_page_has_links_or_is_linked_to() -> None:
    reached = {(one.path.parent / target.partition("#")[0]).resolve() for one, target in LINKS}
    assert {one.path for one in PAGES} - reached <= {ROOT / "README.md"}


def test_a_dead_link_and_a_link_in_code_are_told_apart() -> None:
    file = ROOT / "docs" / "README.md"
    example = Page(file)
    example.text = "[a](gone.md#x) [b](https://example.org) ![c](c.png)\n```sh\n[d](d.md)\n```\n# A heading: `x`, y\n"
    assert example.links() == ["gone.md#x", "c.png"]
    assert example.anchors() == {"a-heading-x-y"}
