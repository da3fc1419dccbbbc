"""An animated SVG of a program in a real terminal, which shows each screen for as long as the terminal did.

``python -m tests.moving_picture`` writes docs/images/crash.svg: ``sidecar watch`` with Python's own web server, which crashes once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from html import escape
from itertools import groupby, pairwise
from typing import NamedTuple

from rich.color import Color
from rich.containers import Lines
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI as THEME
from rich.text import Text

from tests.screens import IMAGES, folder, screens
from tests.support.launch import clean_environment, sidecar_command
from tests.support.terminal import Terminal

COLUMNS, LINES = 80, 24
WIDTH, HEIGHT, EDGE = 8.4, 18, 12  # of a character, in user units; the last is the margin
FONT = "ui-monospace, Menlo, Consolas, monospace"
FOREGROUND = THEME.foreground_color.hex
SHORTEST = 0.25  # seconds: a screen shown for less is left out
LAST = 3.0  # seconds that the last screen stays before the first returns


class Frame(NamedTuple):
    """One screen, and when it appeared: seconds since the first."""

    began: float
    screen: Text


def main() -> None:
    """Writes the picture."""
    with folder() as data:
        options = ["--set", f"paths.data='{data}'", "--set", "backend.cwd='/'", "--set", "resources.interval=0.5"]
        backend = ["python3", "-m", "http.server", "{port}"]
        with Terminal(
            [*sidecar_command(), "watch", *options, "--", *backend],
            clean_environment({"SIDECAR_PROFILE": None, "PATH": "/usr/bin:/bin"}),
            columns=COLUMNS,
            lines=LINES,
        ) as terminal:
            (IMAGES / "crash.svg").write_text(moving(list(_recorded(terminal))), encoding="utf-8", newline="\n")


def _recorded(terminal: Terminal) -> Iterator[Frame]:
    """The different screens of eight seconds; the backend crashes in the third."""
    began, last, crashed, shown_at = time.monotonic(), "", False, -SHORTEST
    while (now := time.monotonic() - began) < 8:
        terminal.read(0.05)
        *_, screen = (Text(), *screens(terminal.written))
        if screen.plain != last and now - shown_at > SHORTEST:
            last, shown_at = screen.plain, now
            yield Frame(now, screen)
        if now > 3 and not crashed:
            terminal.press("k")
            crashed = True
    terminal.press("q")
    terminal.wait()


def moving(frames: list[Frame]) -> str:
    """The SVG. A browser needs no script for it, and loads nothing else."""
    whole = frames[-1].began - frames[0].began + LAST
    width, height = COLUMNS * WIDTH + 2 * EDGE, LINES * HEIGHT + 2 * EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-family="{FONT}" font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="{THEME.background_color.hex}"/>',
    ]
    moments = [(frame.began - frames[0].began) / whole for frame in frames] + [1.0]
    for number in range(LINES):
        rows = [_row(frame.screen.split("\n"), number) for frame in frames]
        first = 0
        for row, same in groupby(rows):
            last = first + len(list(same))
            if row:
                shown = _shown(moments[first], moments[last], whole)
                lines.append(
                    f'<text x="{EDGE}" y="{EDGE + HEIGHT * number + 14}" fill="{FOREGROUND}">{shown}{row}</text>'
                )
            first = last
    return "\n".join([*lines, "</svg>\n"])


def _shown(begin: float, end: float, whole: float) -> str:
    """The style that shows a line only between two moments, given as parts of the whole; empty for a line that is always shown."""
    steps = {0.0: "hidden", begin: "visible"} | ({end: "hidden"} if end < 1 else {})
    if list(steps.values()) == ["visible"]:
        return ""
    times = ";".join(f"{moment:.4g}" for moment in steps)
    return (
        f'<animate attributeName="visibility" calcMode="discrete" dur="{whole:.2f}s" repeatCount="indefinite" '
        f'values="{";".join(steps.values())}" keyTimes="{times}"/>'
    )


def _row(lines: Lines, number: int) -> str:
    if number >= len(lines) or not lines[number].plain.strip():
        return ""
    return "".join(_part(text, style) for text, style in _pieces(lines[number]))


def _pieces(line: Text) -> Iterator[tuple[str, Style]]:
    """The line's text in pieces of one style each."""
    cuts = sorted({0, len(line.plain), *(span.start for span in line.spans), *(span.end for span in line.spans)})
    for start, end in pairwise(cuts):
        styles = [Style.parse(str(span.style)) for span in line.spans if span.start <= start and span.end >= end]
        yield line.plain[start:end], Style.combine(styles) if styles else Style.null()


def _part(text: str, style: Style) -> str:
    shown = escape(text).replace(" ", "\N{NO-BREAK SPACE}")  # SVG would collapse several into one
    color: Color | None = style.bgcolor if style.reverse else style.color
    fill = f' fill="{color.get_truecolor(THEME).hex}"' if color and not color.is_default else ""
    weight = ' font-weight="bold"' if style.bold else ""
    dim = ' opacity="0.6"' if style.dim else ""
    return f"<tspan{fill}{weight}{dim}>{shown}</tspan>" if fill or weight or dim else shown


if __name__ == "__main__":
    sys.exit(main())
