"""Reads the README, so that tests can hold it against the product; the rest of the pages is in ``pages``."""

from __future__ import annotations

from tests.support.pages import Page, page, pages


def readme() -> Page:
    """The page as it is now."""
    return page("README.md")


def text() -> str:
    """All of it."""
    return readme().text


def section(heading: str) -> str:
    """What stands under a second-level heading."""
    return readme().section(heading)


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    return readme().rows(heading)


def snippet(name: str) -> str:
    """The code block that is marked ``<!-- run: NAME -->``, in the README or in docs/."""
    found = [block.text for one in pages() for block in one.blocks() if block.mark == ("run", name)]
    assert len(found) == 1, f"there are {len(found)} snippets with the mark {name}"
    return found[0]
