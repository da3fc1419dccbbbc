"""Files with generated regions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_REGION = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, regions: Mapping[str, Callable[[], Iterator[str]]]) -> str:
    """Returns the page with each region between ``<!-- generated: NAME -->`` and ``<!-- end -->`` refilled.

    Raises:
        KeyError: a region has an unknown name.
    """
    return _REGION.sub(lambda found: f"{found[1]}{''.join(regions[found[2]]())}{found[3]}", text)


def row(*cells: str) -> str:
    """Returns a row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
