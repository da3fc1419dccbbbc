"""Files of which only some regions are generated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_REGION = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, regions: Mapping[str, Callable[[], Iterator[str]]]) -> str:
    """The page with each region between ``<!-- generated: NAME -->`` and ``<!-- end -->`` filled again.

    Raises:
        KeyError: a region has a name that is not known.
    """
    return _REGION.sub(lambda found: f"{found[1]}{''.join(regions[found[2]]())}{found[3]}", text)


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
