"""The last ten minutes as rows of characters, one column per period: state, health, CPU and memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from rich.box import ROUNDED, SQUARE, Box
from rich.text import Text

from .sentences import MIB
from .story import Story

SPAN = 600.0  # seconds that the strips show at most
FULL_CORE = 100.0  # % of one core at the top of the CPU line, so that an idle backend looks idle
SAMPLE_LASTS = 6.0  # most seconds that a sample counts for: after that nothing ran, or nothing was measured
FIGURES = 12  # columns of the text before a strip
STRIPS = frozenset({"state", "health", "cpu", "memory"})
# The most important first, for a column of time that contains several.
STATE_STYLES = {
    "FAILED": "bold red",
    "BACKOFF": "bold magenta",
    "STOPPING": "yellow",
    "STARTING": "yellow",
    "STOPPED": "dim",
    "RUNNING": "bold green",
}
HEALTH_STYLES = {"unhealthy": "bold red", "unknown": "dim", "healthy": "green"}
_T = TypeVar("_T")


class Glyphs(NamedTuple):
    """Characters that a terminal can show: levels from empty to full, and one per state and health, readable without colour."""

    levels: str
    states: str  # in the order of STATE_STYLES
    healths: str  # in the order of HEALTH_STYLES
    mark: str  # before a line of stderr
    box: Box


BLOCKS = Glyphs("▁▂▃▄▅▆▇█", "x▚░▒·█", "▄·█", "▎", ROUNDED)
ASCII = Glyphs("_.,-~=*#", "x!-+.#", "!.#", "!", SQUARE)  # rich draws the box with ASCII where the encoding is that


def glyphs_for(encoding: str) -> Glyphs:
    """Returns blocks if the terminal's encoding has them: Windows' code pages lack most of them, ASCII all."""
    try:
        "".join(BLOCKS[:4]).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def columns(
    values: Sequence[tuple[float, _T]],
    begin: float,
    end: float,
    width: int,
    *,
    rank: Callable[[_T], float],
    lasts: float = math.inf,
) -> list[_T | None]:
    """Returns a span of time as columns, each with its highest-ranking value: a crash of 50 ms shows in a column of 10 s.

    ``values``: start and value, in order; each lasts until the next one, or until ``end``, but at most ``lasts`` seconds.
    """
    found: list[_T | None] = [None] * width
    each = (end - begin) / width
    for (start, value), following in zip(values, [*(at for at, _ in values[1:]), end], strict=False):
        stop = min(following, start + lasts)
        if stop < begin or start > end or each <= 0:
            continue
        first = max(0, min(width - 1, int((start - begin) / each)))
        for column in range(first, max(first + 1, min(width, math.ceil((stop - begin) / each)))):
            held = found[column]
            if held is None or rank(value) > rank(held):
                found[column] = value
    return found


def sparkline(
    samples: Sequence[tuple[float, float]], begin: float, end: float, width: int, levels: str, *, top: float = 0.0
) -> str:
    """Returns samples as a line with the time scale of ``columns``, from 0 to the largest sample, or to ``top`` if that is more."""
    found = columns([one for one in samples if one[0] >= begin], begin, end, width, rank=float, lasts=SAMPLE_LASTS)
    highest = max([top, *(value for value in found if value is not None)]) or 1.0
    last_level = len(levels) - 1
    return "".join(
        " " if value is None else levels[min(last_level, max(0, round(value / highest * last_level)))]
        for value in found
    )


def strips(story: Story, now: float, width: int, glyphs: Glyphs) -> list[tuple[str, Text]]:
    """Returns each strip with its label: the current figure, then ``width`` columns."""
    begin = max(0.0, now - SPAN)

    def names(moves: Sequence[tuple[float, str]], styles: Mapping[str, str], characters: str) -> Text:
        ranks = list(styles)
        text = Text(f"{moves[-1][1]:{FIGURES}}", style=styles[moves[-1][1]], no_wrap=True)
        for found in columns(moves, begin, now, width, rank=lambda name: -ranks.index(name)):
            name = found or ranks[-1]
            text.append(characters[ranks.index(name)], style=styles[name])
        return text

    def figures(samples: Sequence[tuple[float, float]], figure: str, style: str, top: float = 0.0) -> Text:
        line = sparkline(samples, begin, now, width, glyphs.levels, top=top)
        return Text.assemble(f"{figure if samples else '':{FIGURES}}", (line, style))

    cpu, memory = (story.samples[-1] if story.samples else (0.0, 0.0, 0))[1:]
    return [
        ("state", names(list(story.moves), STATE_STYLES, glyphs.states)),
        ("health", names(list(story.healths), HEALTH_STYLES, glyphs.healths)),
        ("cpu", figures([(at, value) for at, value, _ in story.samples], f"{cpu:.1f} %", "cyan", FULL_CORE)),
        ("memory", figures([(at, value) for at, _, value in story.samples], f"{memory / MIB:.1f} MiB", "blue")),
    ]
