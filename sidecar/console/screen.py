"""Draws ``watch`` and ``demo`` in a terminal of any size.

With rich alone: Textual would replace this module and keys.py, but not the handling of lines, pipes, dumb terminals and job control.
"""

import re
import time
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..plain import one_line
from .doctor import checks_table
from .sentences import SGR, Line
from .story import Story, View
from .strips import FIGURES, SPAN, STATE_STYLES, STRIPS, Glyphs, strips

KEYS = {"r": "restart", "s": "stop", "k": "crash", "d": "doctor", "/": "filter", "?": "help", "q": "quit"}
_HELP = {
    "r": "restart the backend; start it again after it failed",
    "s": "stop it, or start it",
    "k": "crash it: kill its process without notifying the sidecar",
    "d": "check for common problems; d or Escape closes the list",
    "/": "filter the output by a text; Enter keeps the filter, Escape clears it",
    "↑ ↓ PgUp PgDn Home End": "scroll the output; End or Escape follows it again",
    "?": "this help",
    "q": "stop everything and quit, as Ctrl+C does",
}
_CHECK_RANKS = ("failed", "warning", "unknown", "ok")
_LABELS = 9  # columns of the labels and the space after them
_PANEL = 4  # columns of a panel's sides
_BORDERS = 2  # lines
_EVENTS = 5  # lines of the events panel if there is room, or a third of the room if that is more
_EVENT_STYLES = {"watch": "bold cyan", "demo": "bold cyan", "backend:crash": "bold red", "backend:stateChanged": "bold"}
_RULER = Console(width=1000)  # wraps texts into lines, as a terminal shows them


def render(
    story: Story, now: float, size: tuple[int, int], glyphs: Glyphs, view: View, *, clock: float, footer: RenderableType
) -> RenderableType:
    """Returns a picture of ``size`` (columns, lines). ``now``: seconds since the tool began; ``clock``: when it began, in seconds since 1970."""
    width, height = size
    rows = [*strips(story, now, max(8, width - _PANEL - _LABELS - FIGURES), glyphs), *_texts(story, now, clock)]
    grid, lines = _fitting(rows, max(8, width - _PANEL - _LABELS), height - _BORDERS - 1)
    parts = [_facts(grid, story, now, width, clock)]
    rest = max(0, height - lines - _BORDERS - 1)
    if view.helping:
        parts += _panel(_help(), "help", rest, "? closes it")
    elif story.checks is not None:
        worst_first = sorted(story.checks, key=lambda check: _CHECK_RANKS.index(check.status))  # not all may fit
        parts += _panel(checks_table(worst_first), "doctor", rest, "d closes it")
    else:
        events = min(max(_EVENTS, rest // 3), rest // 2)
        events = events if events > _BORDERS else 0
        parts += _panel(_events(story.events, events - 2, clock), "events", events)
        view.rows = max(1, rest - events - _BORDERS)
        lines_shown, count, below = view.shown(story)
        parts += _panel(_output(lines_shown, glyphs), "output", rest - events, _output_note(story, view, count, below))
    for panel in parts:
        panel.box = glyphs.box
    return Group(*parts, footer)


def _texts(story: Story, now: float, clock: float) -> list[tuple[str, Text]]:
    """Returns the rows that are wrapped, never cut: the process, what a start waits for, why it crashed and what happens next."""
    rows = []
    if story.pid is not None:
        up = f"  up {_duration(now - story.since)}" if story.state == "RUNNING" else ""
        rows.append(("process", Text(one_line(f"{story.pid}{up}  {story.url or ''}"))))
    if story.state == "STARTING" and story.progress is not None:
        limit = f" of {story.progress['limit']:g}" if story.progress.get("limit") else ""
        waited = Text(f"{now - story.since:.0f}{limit} s  ", style="yellow")
        rows.append(("start", waited + Text(one_line(story.progress["message"]))))
    if story.health_error:
        rows.append(("reason", Text(one_line(story.health_error))))
    if story.last_crash is not None:
        rows.append(("crashes", _crash(story, clock)))
    if story.state == "FAILED":
        rows.append(("next", Text("It will not restart automatically. Press r to start it again.", style="bold")))
    elif story.state == "BACKOFF" and story.last_crash is not None:
        left = max(0.0, story.crashed_at + (story.last_crash.get("nextStartIn") or 0.0) - now)
        rows.append(("next", Text(f"It restarts in {left:.0f} s.", style="bold")))
    return rows


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _fitting(rows: list[tuple[str, Text]], width: int, room: int) -> tuple[Table, int]:
    """Returns the rows as a table, and its number of lines. On a low terminal, strips are dropped in favour of wrapped text."""
    cut = [(label, text.wrap(_RULER, width) if label not in STRIPS else [text]) for label, text in rows]
    while sum(len(lines) for _, lines in cut) > room and (
        last := next((one for one in reversed(cut[1:]) if one[0] in STRIPS), None)
    ):
        cut.remove(last)
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(style="dim", justify="right", no_wrap=True, width=_LABELS - 1)
    grid.add_column(overflow="crop", no_wrap=True, ratio=1)
    left = max(1, room)
    for label, lines in cut:
        for number, line in enumerate(lines[:left]):
            grid.add_row("" if number else label, line)
        left -= min(left, len(lines))
    return grid, max(1, room) - left


def _facts(grid: Table, story: Story, now: float, width: int, clock: float) -> Panel:
    title = Text(_named(one_line(story.command), one_line(story.folder), max(8, width - 8)) or "backend")
    span = f"the last {_duration(min(now, SPAN))}, {_time(clock + now)}"
    style = STATE_STYLES.get(story.state, "")
    return Panel(grid, title=title, title_align="left", subtitle=span, subtitle_align="right", border_style=style)


def _named(command: str, folder: str, room: int) -> str:
    """Returns command and folder; the command is cut first, at its end."""
    place = f" in {folder}" if folder else ""
    if len(place) > room // 2:
        place = f" in …{folder[-max(1, room // 2 - 5) :]}"
    left = room - len(place)
    return f"{command if len(command) <= left else command[: max(0, left - 1)] + '…'}{place}"


def _time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _crash(story: Story, clock: float) -> Text:
    assert story.last_crash is not None
    crash = story.last_crash
    text = Text(one_line(f"{story.crashes}  at {_time(clock + story.crashed_at)}: {crash['text']}".rstrip(".") + "."))
    cause = crash.get("cause")
    if cause and cause != crash["text"]:
        text.append(one_line(f" {cause}"), style="bold")
    if remedy := crash.get("remedy"):
        text.append(one_line(f" {remedy}"), style="italic")
    return text


def _events(lines: Iterable[Line], count: int, clock: float) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True, min_width=len("stateChanged"))
    grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for line in list(lines)[-count:] if count > 0 else ():
        style = _EVENT_STYLES.get(line.channel, "")
        grid.add_row(_time(clock + line.at), Text(line.name, style=style or "dim"), Text(line.text, style=style))
    return grid


def _output(lines: Iterable[tuple[str, str]], glyphs: Glyphs) -> RenderableType:
    """Returns the output; lines of stderr begin with a mark, which needs no colour."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, (stream, line) in enumerate(lines):
        text.append("\n" if number else "")
        text.append(f"{glyphs.mark} " if stream == "stderr" else "  ", style="red")
        text.append_text(_styled(line))
    return text


def _styled(line: str) -> Text:
    """Keeps the backend's colours; nothing else in its output may control the terminal, or hide text."""
    parts = re.split(f"({SGR.pattern})", line)
    text = Text.from_ansi("".join(part if place % 2 else one_line(part) for place, part in enumerate(parts)))
    text.spans = [span for span in text.spans if not getattr(span.style, "conceal", None)]
    return text


def _output_note(story: Story, view: View, count: int, below: int) -> str:
    notes = [f"{count} of {len(story.output)} lines match"] if view.needle else []
    notes += [f"{below} below, End follows"] if below else []
    notes += [f"{story.missing} lines not shown"] if story.missing else []
    return ", ".join(notes)


def _help() -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True, max_width=24)
    grid.add_column()
    for keys, meaning in _HELP.items():
        grid.add_row(keys, meaning)
    return grid


def _panel(content: RenderableType, title: str, height: int, subtitle: str = "") -> list[Panel]:
    if height < 3:  # nothing but its border
        return []
    frame = {"title_align": "left", "subtitle_align": "right", "border_style": "dim"}
    return [Panel(content, title=title, subtitle=subtitle or None, height=height, **frame)]  # type: ignore[arg-type]


def keys(story: Story, view: View) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    if view.typing or view.needle:
        text.append(" / ", style="reverse")
        end = "_   Enter keeps it, Escape clears it" if view.typing else "   Escape clears it"
        text.append(f" {one_line(view.needle)}{end}")
        if view.typing:
            return text
        text.append("   ")
    other = {"s": "start"} if story.stopped else {}
    if story.state == "FAILED":
        other["r"] = "start again"
    for key, meaning in KEYS.items():
        if key == "k" and story.pid is None:
            continue  # there is nothing to crash
        text.append(f" {key} ", style="reverse")
        text.append(f" {other.get(key, meaning)}  ")
    return text
