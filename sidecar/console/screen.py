"""How ``watch`` and ``demo`` look in a terminal of any size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..plain import one_line
from .doctor import checks_table
from .sentences import MIB, Line
from .story import Recovery, Story

SPAN = 600.0  # seconds that the strips show at most
FULL_CORE = 100.0  # % of one core: the CPU line reaches the top there, so that an idle backend looks idle
KEYS = (("r", "restart"), ("s", "stop"), ("k", "crash it"), ("d", "doctor"), ("q", "quit"))
_STATE_STYLES = {
    "FAILED": "bold red",
    "BACKOFF": "bold magenta",
    "STOPPING": "yellow",
    "STARTING": "yellow",
    "STOPPED": "dim",
    "RUNNING": "bold green",
}
_HEALTH_STYLES = {"unhealthy": "bold red", "unknown": "dim", "healthy": "green"}
# The most remarkable first, for a column of time that holds several.
_STATE_RANKS = tuple(_STATE_STYLES)
_HEALTH_RANKS = tuple(_HEALTH_STYLES)
_CHECK_RANKS = ("failed", "warning", "unknown", "ok")
_LABELS = 12  # columns that label and padding of a strip take
_PANEL = 4  # columns of a panel's sides
_FACTS = 9  # lines of watch's upper panel
_DEMO = 13  # lines that everything but the events takes in the demo
_EVENTS = 8  # lines of the panel of events where there is room, a third of what there is where that is more
_EVENT_STYLES = {
    "watch": "bold cyan",
    "demo": "bold cyan",
    "backend:crash": "bold red",
    "backend:stateChanged": "bold",
}
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


def render(story: Story, now: float, width: int, height: int, glyphs: Glyphs) -> RenderableType:
    """The picture of ``watch``, as large as the terminal; ``now`` in seconds since watch began."""
    rest = max(0, height - _FACTS - 1)
    parts: list[RenderableType] = [_facts(story, now, max(8, width - _PANEL - _LABELS), glyphs)]
    if story.checks is not None:
        worst_first = sorted(story.checks, key=lambda check: _CHECK_RANKS.index(check.status))  # not all may fit
        parts += _panel(checks_table(worst_first), "doctor", rest, "d closes it")
    else:
        events = min(max(_EVENTS, rest // 3), rest // 2)
        parts += _panel(_events(story.events, events - 2, "providerUpdate"), "events", events)
        missing = f"{story.missing} lines were not shown" if story.missing else ""
        parts += _panel(_output(story, rest - events - 2), "output", rest - events, missing)
    return Group(*parts, _keys(story))


def render_demo(
    story: Story, recovery: Recovery, lines: Sequence[Line], height: int, *, elapsed: float, seconds: float
) -> RenderableType:
    """The picture of ``demo``: facts, the latest events, the time that is left."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", justify="right")
    facts.add_column()
    facts.add_row("state", Text(story.state, style=_STATE_STYLES.get(story.state, "")))
    facts.add_row("health", Text(story.health, style=_HEALTH_STYLES.get(story.health, "")))
    facts.add_row("process", "-" if recovery.pid is None else str(recovery.pid))
    facts.add_row("address", recovery.url or "-")
    facts.add_row("restarts", str(recovery.restarts))
    events = _events(lines, max(3, height - _DEMO), "startupProgress")
    return Group(
        Panel(facts, title="backend", title_align="left", border_style=_STATE_STYLES.get(story.state, "")),
        Panel(events, title="events", title_align="left", border_style="dim"),
        ProgressBar(total=seconds, completed=min(elapsed, seconds)),
    )


def sparkline(values: Sequence[float], width: int, levels: str, *, top: float = 0.0) -> str:
    """The last ``width`` values as a line that begins at 0 and ends at the largest of them, or at ``top`` if that is more."""
    shown = values[-width:] if width > 0 else []
    highest = max([top, *shown])
    if highest <= 0:
        return levels[0] * len(shown)
    last = len(levels) - 1
    return "".join(levels[min(last, max(0, round(value / highest * last)))] for value in shown)


def columns(moves: Iterable[tuple[float, _T]], begin: float, end: float, width: int, ranks: Sequence[_T]) -> list[_T]:
    """A span of time as columns, each the first of ``ranks`` within it: a crash of 50 ms is seen in one of 10 s.

    ``moves`` say when which state began, in order; the last one lasts until ``end``, the first began at ``begin`` or before.
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


def _facts(story: Story, now: float, width: int, glyphs: Glyphs) -> RenderableType:
    begin = max(0.0, now - SPAN)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", justify="right", no_wrap=True, min_width=8)
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    state = Text(story.state, style=_STATE_STYLES.get(story.state, ""))
    process = "" if story.pid is None else f"  process {story.pid}"
    state.append(f"{process}  {story.url or ''}", style="not bold default")
    grid.add_row("state", state)
    grid.add_row("", _strip(columns(story.moves, begin, now, width, _STATE_RANKS), glyphs.states, _STATE_STYLES))
    health = Text(story.health, style=_HEALTH_STYLES.get(story.health, ""))
    health.append(one_line(f"  {story.health_error}") if story.health_error else "", style="not bold default")
    grid.add_row("health", health)
    grid.add_row("", _strip(columns(story.healths, begin, now, width, _HEALTH_RANKS), glyphs.healths, _HEALTH_STYLES))
    cpu, memory = list(story.cpu), list(story.memory)
    figure = f"{cpu[-1]:6.1f} %  " if cpu else ""
    grid.add_row("cpu", Text(figure + sparkline(cpu, width - len(figure), glyphs.levels, top=FULL_CORE), style="cyan"))
    figure = f"{memory[-1] / MIB:6.1f} MiB  " if memory else ""
    grid.add_row("memory", Text(figure + sparkline(memory, width - len(figure), glyphs.levels), style="blue"))
    grid.add_row("crashes", _crash(story))
    return Panel(
        grid,
        title="backend",
        title_align="left",
        subtitle=f"the last {now - begin:.0f} s",
        subtitle_align="right",
        border_style=_STATE_STYLES.get(story.state, ""),
        height=_FACTS,
    )


def _strip(values: Iterable[str], characters: Mapping[str, str], styles: Mapping[str, str]) -> Text:
    text = Text(no_wrap=True)
    for value in values:
        text.append(characters.get(value, "?"), style=styles.get(value, ""))
    return text


def _crash(story: Story) -> Text:
    if story.last_crash is None:
        return Text("none", style="dim")
    text = Text(one_line(f"{story.crashes}  {story.last_crash['text']}"))
    if cause := story.last_crash.get("cause"):
        text.append(one_line(f"  {cause}"), style="bold")
    if remedy := story.last_crash.get("remedy"):
        text.append(one_line(f" {remedy}"), style="italic")
    return text


def _events(lines: Iterable[Line], count: int, widest: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", justify="right", no_wrap=True, min_width=len("0000.00"))
    grid.add_column(no_wrap=True, min_width=len(widest))
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for line in list(lines)[-count:] if count > 0 else ():
        style = _EVENT_STYLES.get(line.channel, "")
        grid.add_row(f"{line.at:.2f}", Text(line.name, style=style or "dim"), Text(line.text, style=style))
    return grid


def _output(story: Story, count: int) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    lines = list(story.output)[-count:] if count > 0 else []
    for number, (stream, line) in enumerate(lines):
        text.append("\n" if number else "")
        text.append(line, style="red" if stream == "stderr" else "")
    return text


def _panel(content: RenderableType, title: str, height: int, subtitle: str = "") -> list[RenderableType]:
    if height < 3:  # nothing but its border
        return []
    frame = {"title_align": "left", "subtitle_align": "right", "border_style": "dim"}
    return [Panel(content, title=title, subtitle=subtitle or None, height=height, **frame)]  # type: ignore[arg-type]


def _keys(story: Story) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for key, meaning in KEYS:
        text.append(f" {key} ", style="reverse")
        text.append(f" {'start' if key == 's' and story.stopped else meaning}   ")
    return text
