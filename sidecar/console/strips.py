"""The last ten minutes as rows of characters, a column a span of time: state, health, CPU and memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from rich.text import Text

from .sentences import MIB
from .story import Story

SPAN = 600.0  # seconds that the strips show at most
FULL_CORE = 100.0  # % of one core: the CPU line reaches the top there, so that an idle backend looks idle
SAMPLE_LASTS = 6.0  # seconds that a sample stands for at most: afterwards nothing ran, or nothing was measured
FIGURES = 12  # columns of what a strip says in words
STRIPS = frozenset({"state", "health", "cpu", "memory"})
STATE_STYLES = {
    "FAILED": "bold red",
    "BACKOFF": "bold magenta",
    "STOPPING": "yellow",
    "STARTING": "yellow",
    "STOPPED": "dim",
    "RUNNING": "bold green",
}
HEALTH_STYLES = {"unhealthy": "bold red", "unknown": "dim", "healthy": "green"}
# The most remarkable first, for a column of time that holds several.
_STATE_RANKS = tuple(STATE_STYLES)
_HEALTH_RANKS = tuple(HEALTH_STYLES)
_T = TypeVar("_T")


class Glyphs(NamedTuple):
    """What a terminal can show: levels from nothing to full, and one character a state, to be read without colour."""

    levels: str
    states: Mapping[str, str]
    healths: Mapping[str, str]


def _glyphs(levels: str, states: str, healths: str) -> Glyphs:
    return Glyphs(levels, dict(zip(_STATE_RANKS, states, strict=True)), dict(zip(_HEALTH_RANKS, healths, strict=True)))


BLOCKS = _glyphs("▁▂▃▄▅▆▇█", "x▚░▒·█", "▄·█")
ASCII = _glyphs("_.,-~=*#", "x!-+.#", "!.#")


def glyphs_for(encoding: str) -> Glyphs:
    """Blocks where the terminal's encoding has them: Windows' code pages lack most, ASCII all."""
    try:
        "".join([BLOCKS.levels, *BLOCKS.states.values(), *BLOCKS.healths.values()]).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def sparkline(
    samples: Sequence[tuple[float, float]], begin: float, end: float, width: int, levels: str, *, top: float = 0.0
) -> str:
    """Samples as a line on the scale of time of ``columns``: from 0 to the largest of them, or to ``top`` if that is more."""
    found: list[float | None] = [None] * width
    for (start, value), (stop, _) in zip(samples, [*samples[1:], (end, 0.0)], strict=False):
        if start >= begin:
            for column in _columns_of(start, min(stop, start + SAMPLE_LASTS), begin, end, width):
                found[column] = max(value, found[column] or 0.0)
    highest = max([top, *(value for value in found if value is not None)]) or 1.0
    last_level = len(levels) - 1
    return "".join(
        " " if value is None else levels[min(last_level, max(0, round(value / highest * last_level)))]
        for value in found
    )


def columns(moves: Iterable[tuple[float, _T]], begin: float, end: float, width: int, ranks: Sequence[_T]) -> list[_T]:
    """A span of time as columns, each the first of ``ranks`` within it: a crash of 50 ms is seen in one of 10 s.

    ``moves``: when which state began, in order; the first before ``begin``, the last one lasts until ``end``.
    """
    found: list[int | None] = [None] * width  # places in ``ranks``
    spans = [(at, ranks.index(value)) for at, value in moves]
    for (start, rank), (stop, _) in zip(spans, [*spans[1:], (end, 0)], strict=True):
        for column in _columns_of(start, stop, begin, end, width):
            held = found[column]
            found[column] = rank if held is None else min(rank, held)
    return [ranks[-1] if rank is None else ranks[rank] for rank in found]


def _columns_of(start: float, stop: float, begin: float, end: float, width: int) -> range:
    """Where something that lasted from ``start`` to ``stop`` shows: in one column at least."""
    each = (end - begin) / width
    if stop < begin or start > end or each <= 0:
        return range(0)
    first = max(0, min(width - 1, int((start - begin) / each)))
    return range(first, max(first + 1, min(width, math.ceil((stop - begin) / each))))


def strips(story: Story, now: float, width: int, glyphs: Glyphs) -> list[tuple[str, Text]]:
    """Each strip with its label: the figure now, then ``width`` columns."""
    begin = max(0.0, now - SPAN)
    cpu = [(at, value) for at, value, _ in story.samples]
    memory = [(at, float(value)) for at, _, value in story.samples]
    states = columns(story.moves, begin, now, width, _STATE_RANKS)
    healths = columns(story.healths, begin, now, width, _HEALTH_RANKS)
    figures = (f"{cpu[-1][1]:.1f} %", f"{memory[-1][1] / MIB:.1f} MiB") if cpu else ("", "")
    lines = (
        sparkline(cpu, begin, now, width, glyphs.levels, top=FULL_CORE),
        sparkline(memory, begin, now, width, glyphs.levels),
    )
    return [
        ("state", _figure(story.state, STATE_STYLES) + _strip(states, glyphs.states, STATE_STYLES)),
        ("health", _figure(story.health, HEALTH_STYLES) + _strip(healths, glyphs.healths, HEALTH_STYLES)),
        ("cpu", Text(f"{figures[0]:{FIGURES}}") + Text(lines[0], style="cyan")),
        ("memory", Text(f"{figures[1]:{FIGURES}}") + Text(lines[1], style="blue")),
    ]


def _figure(word: str, styles: Mapping[str, str]) -> Text:
    return Text(f"{word:{FIGURES}}", style=styles.get(word, ""))


def _strip(values: Iterable[str], characters: Mapping[str, str], styles: Mapping[str, str]) -> Text:
    text = Text(no_wrap=True)
    for value in values:
        text.append(characters.get(value, "?"), style=styles.get(value, ""))
    return text
