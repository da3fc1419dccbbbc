from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from sidecar.console.screen import keys, render
from sidecar.console.session import Session
from sidecar.console.story import KEPT_LINES, Recovery, Story, View
from sidecar.console.strips import ASCII, BLOCKS, Glyphs
from sidecar.wire.observe import Check

CRASH = {
    "text": "exit code 134",
    "attempt": 1,
    "attempts": 3,
    "nextStartIn": 0.0,
    "final": False,
    "cause": "It broke.",
    "remedy": "Fix it.",
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


def reported(*events: tuple[str, Any]) -> Story:
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
    view = View()
    console.print(render(story, 10.0, (width, height), glyphs, view, clock=0.0, footer=keys(story, view)))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_no_picture_holds_what_a_terminal_would_obey() -> None:
    evil = "\x1b]0;title\x07\x9b2J"
    said = {**CRASH, "text": evil, "cause": evil, "remedy": evil}
    story = reported(*UP, ("backend:healthUpdate", {"status": "unhealthy", "error": evil}), ("backend:crash", said))
    shown = picture(story, width=200)
    story.checks = [Check("crashes", "failed", f"{evil}\nmore", evil)]
    shown += picture(story, width=200)
    assert all(line.isprintable() for line in shown)
    assert sum("title" in line for line in shown) >= 3  # health, crash, check and remedy are there all the same
    assert any("more" in line for line in shown)


def test_the_story_knows_what_is_the_case() -> None:
    story = reported(*UP)
    assert (story.state, story.pid, story.health, story.stopped) == ("RUNNING", 100, "healthy", False)
    assert list(story.moves) == [(0.0, "STOPPED"), (1.0, "STARTING"), (2.0, "RUNNING")]


def test_health_is_unknown_once_the_run_has_ended_whatever_comes_later() -> None:
    story = reported(
        *UP, moved("RUNNING", "BACKOFF"), ("backend:healthUpdate", {"status": "unhealthy", "error": "gone"})
    )
    assert (story.health, story.health_error) == ("unknown", "")
    assert [health for _, health in story.healths] == ["unknown", "healthy", "unknown"]


def test_crashes_are_counted_and_the_last_one_is_kept() -> None:
    story = reported(("backend:crash", CRASH), ("backend:crash", {**CRASH, "text": "signal 9"}))
    assert story.crashes == 2
    assert story.last_crash["text"] == "signal 9"


def test_output_and_figures_are_not_events_and_output_is_bounded() -> None:
    lines = [("backend:log", {"stream": "stdout", "text": f"line {n}"}) for n in range(KEPT_LINES + 5)]
    story = reported(*lines, ("backend:resourceUpdate", {"cpu": 1.0, "memory": 5, "processes": 1}))
    assert not story.events
    assert len(story.output) == KEPT_LINES
    assert story.output[-1] == ("stdout", f"line {KEPT_LINES + 4}")


def test_the_picture_shows_all_of_it() -> None:
    story = reported(
        *UP,
        ("backend:log", {"stream": "stderr", "text": "some output"}),
        ("backend:resourceUpdate", {"cpu": 50.0, "memory": 5 * 1024 * 1024, "processes": 1}),
        ("backend:crash", CRASH),
    )
    story.note(8.0, "restart …")
    text = "\n".join(picture(story))
    for part in (
        "RUNNING",
        "100  up 8 s  http://127.0.0.1:5005",
        "healthy",
        "50.0 %",
        "5.0 MiB",
        "some output",
        "restart …",
        ": exit code 134. It broke. Fix it.",
        " q  quit",
        " s  stop",
    ):
        assert part in text
    assert "some output" not in "\n".join(picture(reported()))
    assert " s  start" in "\n".join(picture(reported()))


def test_the_doctor_takes_the_place_of_events_and_output_the_worst_first() -> None:
    story = reported(*UP)
    story.checks = [Check("clock", "ok", "It is right"), Check("port", "failed", "It is taken", "Free it")]
    text = "\n".join(picture(story))
    assert text.index("It is taken") < text.index("Free it") < text.index("It is right")
    assert "events" not in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 15), (20, 12), (10, 5), (80, 11), (80, 10)])
@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_it_fits_whatever_the_size(width: int, height: int, glyphs: Glyphs) -> None:
    story = reported(*UP, *[("backend:log", {"stream": "stdout", "text": "x" * 300})] * 100, ("backend:crash", CRASH))
    lines = picture(story, width, height, glyphs)
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(height, 10)
    if height >= 10 and width >= 40:
        assert len(lines) >= height - 2


async def test_a_picture_without_the_whole_screen_stays_and_fits_below_the_prompt() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=20, force_terminal=True, color_system=None)
    session = Session(console, "demo", footer=lambda: Text("the time that is left"))
    session.live = True
    async with session.pictures(screen=False):
        session.note("pressing the button")
    lines = Text.from_ansi(file.getvalue().rsplit("\x1b[2K", 1)[-1]).plain.splitlines()
    assert len([line for line in lines if line.strip()]) <= 19
    assert any("pressing the button" in line for line in lines)
    assert "the time that is left" in lines[-1]


# The recovery that the demo needs


def moved_to(previous: str, state: str, reason: str, pid: int | None = None) -> tuple[str, Any]:
    channel, payload = moved(previous, state, pid)
    return channel, {**payload, "reason": reason, "url": "http://127.0.0.1:5005"}


def health(status: str, **more: Any) -> tuple[str, Any]:
    return "backend:healthUpdate", {"status": status, **more}


RAN = [
    moved_to("STOPPED", "STARTING", "autostart"),
    moved_to("STARTING", "RUNNING", "ready", 100),
    health("healthy", data={}),
]
DOWN = [
    health("unhealthy", error="socket hang up"),
    moved_to("RUNNING", "BACKOFF", "crashed"),
    ("backend:crash", CRASH),
]
AGAIN = [
    moved_to("BACKOFF", "STARTING", "crashed"),
    moved_to("STARTING", "RUNNING", "ready", 101),
    health("healthy", data={}),
]


def seen_of(*events: tuple[str, Any]) -> Recovery:
    story, recovery = Story("demo"), Recovery()
    for at, (channel, payload) in enumerate(events):
        story.take(float(at), channel, payload)
        recovery.take(channel, payload, story)
    return recovery


def test_a_crash_a_new_process_and_its_health_are_a_recovery() -> None:
    seen = seen_of(*RAN, *DOWN, *AGAIN)
    assert seen.missing() == []
    assert (seen.crashed_pid, seen.recovered_pid) == (100, 101)


def test_a_crash_report_that_comes_after_the_restart_is_still_a_recovery() -> None:
    assert seen_of(*RAN, *DOWN[:2], *AGAIN, DOWN[2]).missing() == []


def test_facts_outlive_the_stop() -> None:
    seen = seen_of(
        *RAN, ("backend:stateChanged", {**moved_to("STOPPING", "STOPPED", "shutdown")[1], "port": None, "url": None})
    )
    assert (seen.pid, seen.port) == (100, 5005)


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([], "did not run and then crash"),
        (RAN, "did not run and then crash"),
        ([*RAN, moved_to("RUNNING", "STOPPING", "requested", 100)], "did not run and then crash"),
        ([*RAN, *DOWN], "did not run again"),
        ([*RAN, *DOWN, moved_to("STARTING", "RUNNING", "ready", 100), health("healthy")], "as a new process"),
        ([*RAN, *DOWN, *AGAIN[:2]], "not healthy"),
        ([*RAN, *DOWN, *AGAIN[:2], health("unhealthy", error="503")], "not healthy"),
        ([*RAN, *DOWN[:2], *AGAIN], "not reported"),
    ],
)
def test_what_a_recovery_lacks_is_named(events: list[tuple[str, Any]], what: str) -> None:
    assert what in "; ".join(seen_of(*events).missing())


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (RAN[1], "STARTING → RUNNING (ready, process 100)"),
        (DOWN[0], "unhealthy: socket hang up"),
        (DOWN[2], "exit code 134 (restart 1 of 3 in 0.0 s): It broke."),
        (
            ("backend:crash", {**CRASH, "final": True, "nextStartIn": None}),
            "exit code 134 (a restart would not help): It broke.",
        ),
        (
            ("backend:crash", {**CRASH, "attempt": 3, "final": True, "nextStartIn": None}),
            "exit code 134 (no restarts left): It broke.",
        ),
        (
            ("backend:startupProgress", {"phase": "waiting", "elapsed": 0.5, "message": "for it"}),
            "waiting 0.5 s: for it",
        ),
        (("backend:providerUpdate", {"providers": [{"name": "local"}]}), "providers: local"),
        (("backend:providerUpdate", "no JSON"), "no JSON"),
    ],
)
def test_each_event_reads_as_a_sentence(event: tuple[str, Any], text: str) -> None:
    assert Story().take(0.0, *event).text == text
