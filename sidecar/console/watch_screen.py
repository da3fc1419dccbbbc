"""How ``sidecar watch`` looks in a terminal of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .demo_screen import HEALTH_STYLES, STATE_STYLES
from .doctor import checks_table
from .sentences import MIB, one_line
from .sparkline import Glyphs, columns, sparkline
from .watch_story import OWN, WatchStory

SPAN = 600.0  # seconds that the strips show at most
FULL_CORE = 100.0  # % of one core: the CPU line reaches the top there, so that an idle backend looks idle
KEYS = (("r", "restart"), ("s", "stop"), ("k", "crash it"), ("d", "doctor"), ("q", "quit"))
_STATE_RANKS = ("FAILED", "BACKOFF", "STOPPING", "STARTING", "STOPPED", "RUNNING")
_HEALTH_RANKS = ("unhealthy", "unknown", "healthy")
_CHECK_RANKS = ("failed", "warning", "unknown", "ok")
_LABELS = 12  # columns that label and padding of a strip take
_PANEL = 4  # columns of a panel's sides
_FACTS = 9  # lines of the upper panel
_EVENTS = 8  # lines of the panel of events where there is room, a third of what there is where that is more
_EVENT_STYLES = {OWN: "bold cyan", "backend:crash": "bold red", "backend:stateChanged": "bold"}


def render(story: WatchStory, now: float, width: int, height: int, glyphs: Glyphs) -> RenderableType:
    """The whole picture.

    Args:
        story: what is known.
        now: seconds since watch began.
        width: of the terminal, in columns.
        height: of the terminal, in lines; the picture is exactly as high.
        glyphs: what the terminal can show.
    """
    rest = max(0, height - _FACTS - 1)
    parts: list[RenderableType] = [_facts(story, now, max(8, width - _PANEL - _LABELS), glyphs)]
    if story.checks is not None:
        worst_first = sorted(story.checks, key=lambda check: _CHECK_RANKS.index(check.status))  # not all may fit
        parts += _panel(checks_table(worst_first), "doctor", rest, "d closes it")
    else:
        events = min(max(_EVENTS, rest // 3), rest // 2)
        parts += _panel(_events(story, events - 2), "events", events)
        parts += _panel(_output(story, rest - events - 2), "output", rest - events, _missing(story))
    return Group(*parts, _keys(story))


def _facts(story: WatchStory, now: float, width: int, glyphs: Glyphs) -> RenderableType:
    begin = max(0.0, now - SPAN)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", justify="right", no_wrap=True, min_width=8)
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    state = Text(story.state, style=STATE_STYLES.get(story.state, ""))
    process = "" if story.pid is None else f"  process {story.pid}"
    state.append(f"{process}  {story.url or ''}", style="not bold default")
    grid.add_row("state", state)
    strip = columns(story.moves, begin, now, width, _STATE_RANKS)
    grid.add_row("", _strip(strip, glyphs.states, STATE_STYLES))
    health = Text(story.health, style=HEALTH_STYLES.get(story.health, ""))
    health.append(one_line(f"  {story.health_error}") if story.health_error else "", style="not bold default")
    grid.add_row("health", health)
    strip = columns(story.healths, begin, now, width, _HEALTH_RANKS)
    grid.add_row("", _strip(strip, glyphs.healths, HEALTH_STYLES))
    cpu, memory = list(story.cpu), list(story.memory)
    figure = f"{cpu[-1]:6.1f} %  " if cpu else ""
    grid.add_row("cpu", Text(figure + sparkline(cpu, width - len(figure), glyphs.levels, top=FULL_CORE), style="cyan"))
    figure = f"{memory[-1] / MIB:6.1f} MiB  " if memory else ""
    grid.add_row("memory", Text(figure + sparkline(memory, width - len(figure), glyphs.levels), style="blue"))
    grid.add_row("crashes", _crash(story))
    span = f"{now - begin:.0f} s"
    return Panel(
        grid,
        title="backend",
        title_align="left",
        subtitle=f"the last {span}",
        subtitle_align="right",
        border_style=STATE_STYLES.get(story.state, ""),
        height=_FACTS,
    )


def _strip(values: Iterable[str], characters: Mapping[str, str], styles: Mapping[str, str]) -> Text:
    text = Text(no_wrap=True)
    for value in values:
        text.append(characters.get(value, "?"), style=styles.get(value, ""))
    return text


def _crash(story: WatchStory) -> Text:
    if story.last_crash is None:
        return Text("none", style="dim")
    text = Text(one_line(f"{story.crashes}  {story.last_crash['text']}"))
    cause, remedy = story.last_crash.get("cause"), story.last_crash.get("remedy")
    if cause:
        text.append(one_line(f"  {cause}"), style="bold")
    if remedy:
        text.append(one_line(f" {remedy}"), style="italic")
    return text


def _events(story: WatchStory, count: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", justify="right", no_wrap=True, min_width=len("0000.00"))
    grid.add_column(no_wrap=True, min_width=len("providerUpdate"))
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for line in list(story.events)[-count:] if count > 0 else ():
        style = _EVENT_STYLES.get(line.channel, "")
        name = Text(line.channel.removeprefix("backend:"), style=style or "dim")
        grid.add_row(f"{line.at:.2f}", name, Text(line.text, style=style))
    return grid


def _output(story: WatchStory, count: int) -> RenderableType:
    text = Text(no_wrap=True, overflow="ellipsis")
    lines = list(story.output)[-count:] if count > 0 else []
    for number, (stream, line) in enumerate(lines):
        text.append("\n" if number else "")
        text.append(line, style="red" if stream == "stderr" else "")
    return text


def _missing(story: WatchStory) -> str:
    return f"{story.missing} lines were not shown" if story.missing else ""


def _panel(content: RenderableType, title: str, height: int, subtitle: str = "") -> list[RenderableType]:
    if height < 3:  # nothing but its border
        return []
    panel = Panel(
        content,
        title=title,
        title_align="left",
        subtitle=subtitle or None,
        subtitle_align="right",
        border_style="dim",
        height=height,
    )
    return [panel]


def _keys(story: WatchStory) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for key, meaning in KEYS:
        text.append(f" {key} ", style="reverse")
        text.append(f" {'start' if key == 's' and story.stopped else meaning}   ")
    return text
