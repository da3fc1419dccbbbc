"""What the user of watch sees of the output: scrolled, filtered, in the backend's colours."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sidecar.console.screen import keys, render
from sidecar.console.story import Story, View
from sidecar.console.strips import ASCII, BLOCKS


def story_of(*lines: str, stream: str = "stdout") -> Story:
    story = Story()
    for line in lines:
        story.take(0.0, "backend:log", {"stream": stream, "text": line})
    return story


def numbers(view: View, story: Story) -> list[int]:
    return [int(text.split()[-1]) for _, text in view.shown(story)[0]]


HUNDRED = [f"line {number}" for number in range(100)]


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ([], 99),
        (["up"], 98),
        (["up", "up", "down"], 98),
        (["page up"], 90),
        (["page up", "page down"], 99),
        (["home"], 9),
        (["home", "up"], 9),
        (["home", "down"], 10),
        (["home", "end"], 99),
        (["page up", "\x1b"], 99),
    ],
)
def test_keys_scroll(keys: list[str], last: int) -> None:
    view, story = View(rows=10), story_of(*HUNDRED)
    for key in keys:
        assert view.press(key, story)
    assert numbers(view, story) == list(range(last - 9, last + 1))


def test_what_is_looked_at_stays_while_output_comes_and_end_follows_again() -> None:
    view, story = View(rows=10), story_of(*HUNDRED)
    view.press("page up", story)
    for number in range(100, 150):
        story.take(1.0, "backend:log", {"stream": "stdout", "text": f"line {number}"})
    assert numbers(view, story)[-1] == 90
    assert view.shown(story)[2] == 59
    view.press("end", story)
    assert numbers(view, story)[-1] == 149


def test_lines_that_are_not_kept_any_more_give_way() -> None:
    view, story = View(rows=10), story_of(*HUNDRED)
    view.press("home", story)
    for number in range(100, 5000):
        story.take(1.0, "backend:log", {"stream": "stdout", "text": f"line {number}"})
    assert numbers(view, story)[0] == 5000 - len(story.output)


def test_a_filter_is_typed_kept_and_cleared() -> None:
    view, story = View(rows=10), story_of("Error: one", "fine", "\x1b[31merr\x1b[0mor: two", "q")
    for key in ["/", "e", "r", "r", "o", "x", "backspace", "enter"]:
        assert view.press(key, story)
    assert [text for _, text in view.shown(story)[0]] == ["Error: one", "\x1b[31merr\x1b[0mor: two"]
    assert not view.press("q", story)  # quits, for the filter is not being typed any more
    view.press("\x1b", story)
    assert view.shown(story)[1] == 4


def test_keys_of_the_tool_are_left_to_it() -> None:
    view = View()
    assert [view.press(key, Story()) for key in "rskdq\x1b"] == [False] * 6


def drawn(
    story: Story, view: View | None = None, *, colour: bool = True, glyphs: object = BLOCKS, width: int = 80
) -> str:
    file = io.StringIO()
    system = "standard" if colour else None
    console = Console(
        file=file, width=width, height=24, force_terminal=colour, color_system=system, legacy_windows=False
    )  # type: ignore[arg-type]
    view = view or View()
    console.print(render(story, 10.0, (width, 24), glyphs, view, clock=0.0, footer=keys(story, view)))  # type: ignore[arg-type]
    return file.getvalue()


def words(text: str) -> str:
    """The text without borders, as on one line."""
    return " ".join(text.replace("│", " ").split())


def test_the_colours_of_the_backend_are_kept_and_nothing_else_that_steers() -> None:
    evil = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x1b[8mhidden\x1b[0m\x1b[5Aup"
    text = drawn(story_of(evil))
    assert "\x1b[31mred" in text
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\x1b[5A" not in text
    assert "\x1b[8m" not in text
    assert "hidden" in text
    assert "\x1b" not in drawn(story_of(evil), colour=False)


@pytest.mark.parametrize(("glyphs", "mark"), [(BLOCKS, "▎"), (ASCII, "!")])
def test_stderr_is_marked_without_colour(glyphs: object, mark: str) -> None:
    assert f"{mark} words" in drawn(story_of("words", stream="stderr"), colour=False, glyphs=glyphs)
    assert f"{mark} words" not in drawn(story_of("words"), colour=False, glyphs=glyphs)


@pytest.mark.parametrize("width", [80, 60, 120])
def test_cause_and_remedy_are_never_cut(width: int) -> None:
    story = Story()
    cause, remedy = " ".join(f"cause{n}" for n in range(20)), " ".join(f"remedy{n}" for n in range(20))
    change = {"previous": "STARTING", "reason": "r", "pid": None, "port": None, "url": None}
    story.take(1.0, "backend:stateChanged", {**change, "state": "FAILED"})
    story.take(2.0, "backend:crash", {"text": "exit code 1", "cause": cause, "remedy": remedy, "attempt": 3,
                                      "attempts": 3, "nextStartIn": None, "final": True})  # fmt: skip
    text = drawn(story, colour=False, width=width)
    assert f"{cause} {remedy}" in words(text)
    assert "r  start again" in text
    assert "k  crash" not in text  # there is nothing to crash


def test_a_start_says_what_it_waits_for_and_a_backoff_counts_down() -> None:
    story = Story(command="uvicorn app:app", folder="/home/me/shop")
    change = {"previous": "STOPPED", "reason": "r", "pid": 7, "port": 1, "url": None}
    story.take(2.0, "backend:stateChanged", {**change, "state": "STARTING"})
    message = "Waiting for the port to open: it listens on 127.0.0.1:5000"
    story.take(3.0, "backend:startupProgress", {"phase": "waiting", "elapsed": 1.0, "message": message, "limit": 60.0})
    text = words(drawn(story, colour=False))
    assert f"8 of 60 s {message}" in text
    assert "uvicorn app:app in /home/me/shop" in text
    story.take(4.0, "backend:stateChanged", {**change, "state": "BACKOFF"})
    story.take(5.0, "backend:crash", {"text": "exit code 1", "nextStartIn": 25.0, "attempt": 1, "attempts": 3,
                                      "final": False})  # fmt: skip
    text = drawn(story, colour=False)
    assert "It restarts in 20 s." in text
    assert message not in text


def test_the_help_names_every_key() -> None:
    view, story = View(), Story()
    view.press("?", story)
    text = drawn(story, view, colour=False)
    assert "kill its process without notifying the sidecar" in words(text)
    view.press("?", story)
    assert "kill its process" not in drawn(story, view, colour=False)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_frame_names_the_end_of_the_folder_and_the_begin_of_the_command(width: int) -> None:
    story = Story(command="uvicorn app:app " + "--option " * 40, folder="/home/somewhere/very/deep/in/the/tree/shop")
    first = drawn(story, colour=False, width=width).splitlines()[0]
    assert len(first) == width
    assert first.startswith("╭─ uv"[: max(3, width // 8)])
    assert "op ─" in first
