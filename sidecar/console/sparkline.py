"""Numbers and states as rows of characters; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")


class Glyphs(NamedTuple):
    """What a terminal can show.

    Attributes:
        levels: from nothing to full.
        states: one character a state, so that a strip can be read without colour.
        healths: likewise.
    """

    levels: str
    states: Mapping[str, str]
    healths: Mapping[str, str]


_STATE_NAMES = ("STOPPED", "STARTING", "RUNNING", "STOPPING", "BACKOFF", "FAILED")
_HEALTH_NAMES = ("unknown", "healthy", "unhealthy")
BLOCKS = Glyphs(
    "▁▂▃▄▅▆▇█", dict(zip(_STATE_NAMES, "·▒█░▚x", strict=True)), dict(zip(_HEALTH_NAMES, "·█▄", strict=True))
)
ASCII = Glyphs("_.,-~=*#", dict(zip(_STATE_NAMES, ".+#-!x", strict=True)), dict(zip(_HEALTH_NAMES, ".#!", strict=True)))


def glyphs_for(encoding: str) -> Glyphs:
    """Blocks where the terminal's encoding has them: Windows' code pages lack most, ASCII all."""
    try:
        "".join([BLOCKS.levels, *BLOCKS.states.values(), *BLOCKS.healths.values()]).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def sparkline(values: Sequence[float], width: int, levels: str, *, top: float = 0.0) -> str:
    """The last ``width`` values as a line that begins at 0 and ends at the largest of them, or at ``top`` if that is more."""
    shown = values[-width:] if width > 0 else []
    highest = max([top, *shown])
    if highest <= 0:
        return levels[0] * len(shown)
    last = len(levels) - 1
    return "".join(levels[min(last, max(0, round(value / highest * last)))] for value in shown)


def columns(moves: Iterable[tuple[float, _T]], begin: float, end: float, width: int, ranks: Sequence[_T]) -> list[_T]:
    """A span of time as ``width`` columns, each the most remarkable of what was the case in it.

    Args:
        moves: when what began, in order; the last one lasts until ``end``, the first one began at ``begin`` or before.
        begin: the left edge, in the same seconds.
        end: the right edge.
        width: how many columns.
        ranks: the most remarkable first: a crash of 50 ms is to be seen in a column of 10 s.
    """
    rank = {value: position for position, value in enumerate(ranks)}
    each = (end - begin) / width
    found: list[_T | None] = [None] * width
    spans = list(moves)
    for (start, value), (stop, _) in zip(spans, [*spans[1:], (end, None)], strict=True):
        if stop < begin or start > end or each <= 0:
            continue
        first = max(0, min(width - 1, int((start - begin) / each)))
        last = max(first, min(width, math.ceil((stop - begin) / each)) - 1)
        for column in range(first, last + 1):
            held = found[column]
            if held is None or rank[value] < rank[held]:
                found[column] = value
    return [ranks[-1] if value is None else value for value in found]
