"""How the demo looks in a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .demo_story import Story

STATE_STYLES = {
    "STOPPED": "dim",
    "STARTING": "yellow",
    "RUNNING": "bold green",
    "STOPPING": "yellow",
    "BACKOFF": "bold magenta",
    "FAILED": "bold red",
}
HEALTH_STYLES = {"healthy": "green", "unhealthy": "bold red", "unknown": "dim"}
_FRAME = 13  # lines that everything but the event stream takes up
_CHANNEL_STYLES = {"demo": "bold cyan", "backend:crash": "bold red", "backend:stateChanged": "bold"}


def render(story: Story, elapsed: float, seconds: float, height: int) -> RenderableType:
    """The whole picture: facts, the latest events, the time that is left."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", justify="right")
    facts.add_column()
    facts.add_row("state", Text(story.state, style=STATE_STYLES.get(story.state, "")))
    facts.add_row("health", Text(story.health, style=HEALTH_STYLES.get(story.health, "")))
    facts.add_row("process", _number(story.pid))
    facts.add_row("address", story.url or "-")
    facts.add_row("restarts", str(story.restarts))

    stream = Table.grid(padding=(0, 2), expand=True)
    stream.add_column(style="dim", justify="right", no_wrap=True, min_width=len("0000.00"))
    stream.add_column(no_wrap=True, min_width=len("startupProgress"))
    stream.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for line in list(story.lines)[-max(3, height - _FRAME) :]:
        name = line.channel.removeprefix("backend:")
        style = _CHANNEL_STYLES.get(line.channel, "")
        stream.add_row(f"{line.at:.2f}", Text(name, style=style or "dim"), Text(line.text, style=style))

    return Group(
        Panel(facts, title="backend", title_align="left", border_style=STATE_STYLES.get(story.state, "")),
        Panel(stream, title="events", title_align="left", border_style="dim"),
        ProgressBar(total=seconds, completed=min(elapsed, seconds)),
    )


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
