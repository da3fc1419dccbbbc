from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from sidecar.console.screen import ASCII, BLOCKS, Glyphs, render
from sidecar.console.story import KEPT_LINES, Story
from sidecar.wire.observe import Check

CRASH = {
    "text": "exit code 134",
    "attempt": 1,
    "attempts": 3,
    "nextStartIn": 0.0,
    "final": False,
    "cause": "It broke.",
    "remedy": "Mend it.",
}


def moved(previous: str, state: str, pid: int | None = None) -> tuple[str, Any]:
    url = "http://127.0.0.1:5005" if pid else None
    return "backend:stateChanged", {
        "state": state,
        "previous": previous,
        "reason": "r",
        "pid": pid,
        "port": 5005,
        "url": url,
    }


def told(*events: tuple[str, Any]) -> Story:
    story = Story()
    for at, (channel, payload) in enumerate(events, 1):
        story.take(float(at), channel, payload)
    return story


UP = [
    moved("STOPPED", "STARTING", 100),
    moved("STARTING", "RUNNING", 100),
    ("backend:healthUpdate", {"status": "healthy"}),
]


def picture(story: Story, width: int = 80, height: int = 30, glyphs: Glyphs = BLOCKS) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(render(story, 10.0, width, height, glyphs))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_no_picture_holds_what_a_terminal_would_obey() -> None:
    evil = "\x1b]0;title\x07\x9b2J"
    said = {**CRASH, "text": evil, "cause": evil, "remedy": evil}
    story = told(*UP, ("backend:healthUpdate", {"status": "unhealthy", "error": evil}), ("backend:crash", said))
    shown = picture(story, width=200)
    story.checks = [Check("crashes", "failed", f"{evil}\nmore", evil)]
    shown += picture(story, width=200)
    assert all(line.isprintable() for line in shown)
    assert sum("title" in line for line in shown) >= 3  # health, crash, check and remedy are there all the same
    assert any("more" in line for line in shown)


def test_the_story_knows_what_is_the_case() -> None:
    story = told(*UP)
    assert (story.state, story.pid, story.health, story.stopped) == ("RUNNING", 100, "healthy", False)
    assert list(story.moves) == [(0.0, "STOPPED"), (1.0, "STARTING"), (2.0, "RUNNING")]


def test_health_is_unknown_once_the_run_has_ended_whatever_comes_later() -> None:
    story = told(*UP, moved("RUNNING", "BACKOFF"), ("backend:healthUpdate", {"status": "unhealthy", "error": "gone"}))
    assert (story.health, story.health_error) == ("unknown", "")
    assert [health for _, health in story.healths] == ["unknown", "healthy", "unknown"]


def test_crashes_are_counted_and_the_last_one_is_kept() -> None:
    story = told(("backend:crash", CRASH), ("backend:crash", {**CRASH, "text": "signal 9"}))
    assert story.crashes == 2
    assert story.last_crash is not None
    assert story.last_crash["text"] == "signal 9"


def test_output_and_figures_are_no_events_and_output_is_bounded() -> None:
    lines = [("backend:log", {"stream": "stdout", "text": f"line {n}"}) for n in range(KEPT_LINES + 5)]
    story = told(*lines, ("backend:resourceUpdate", {"cpu": 1.0, "memory": 5, "processes": 1}))
    assert not story.events
    assert len(story.output) == KEPT_LINES
    assert story.output[-1] == ("stdout", f"line {KEPT_LINES + 4}")


def test_the_picture_shows_all_of_it() -> None:
    story = told(
        *UP,
        ("backend:log", {"stream": "stderr", "text": "some output"}),
        ("backend:resourceUpdate", {"cpu": 50.0, "memory": 5 * 1024 * 1024, "processes": 1}),
        ("backend:crash", CRASH),
    )
    story.note(8.0, "restart …")
    text = "\n".join(picture(story))
    for part in (
        "RUNNING  process 100  http://127.0.0.1:5005",
        "healthy",
        "50.0 %",
        "5.0 MiB",
        "some output",
        "restart …",
        "1  exit code 134  It broke. Mend it.",
        " q  quit",
        " s  stop",
    ):
        assert part in text
    assert "some output" not in "\n".join(picture(told()))
    assert " s  start" in "\n".join(picture(told()))


def test_the_doctor_takes_the_place_of_events_and_output_the_worst_first() -> None:
    story = told(*UP)
    story.checks = [Check("clock", "ok", "It is right"), Check("port", "failed", "It is taken", "Free it")]
    text = "\n".join(picture(story))
    assert text.index("It is taken") < text.index("Free it") < text.index("It is right")
    assert "events" not in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 15), (20, 12), (10, 5), (80, 11), (80, 10)])
@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_it_fits_whatever_the_size(width: int, height: int, glyphs: Glyphs) -> None:
    story = told(*UP, *[("backend:log", {"stream": "stdout", "text": "x" * 300})] * 100, ("backend:crash", CRASH))
    lines = picture(story, width, height, glyphs)
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(height, 10)
    if height >= 10 and width >= 40:
        assert len(lines) >= height - 2
