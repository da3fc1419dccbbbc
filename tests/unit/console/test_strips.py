from __future__ import annotations

import pytest

from sidecar.console.strips import ASCII, BLOCKS, HEALTH_STYLES, STATE_STYLES, Glyphs, columns, glyphs_for, sparkline

LEVELS = "01234567"


def rank(name: str) -> int:
    return ("good", "odd", "bad").index(name)


@pytest.mark.parametrize(
    ("samples", "top", "line"),
    [
        ([], 0, "    "),
        ([(0, 0), (1, 0), (2, 0), (3, 0)], 0, "0000"),
        ([(0, 0), (1, 50), (2, 100)], 0, "0477"),
        ([(2, 10)], 100, "  11"),
        ([(0, 200), (0.5, 100), (3, 100)], 100, "7444"),
        ([(0, -5), (2, 7)], 0, "0077"),
        ([(-3, 9), (1, 9)], 0, " 777"),
    ],
)
def test_a_line_goes_from_nothing_to_the_largest_value_of_each_time(
    samples: list[tuple[float, float]], top: float, line: str
) -> None:
    assert sparkline(samples, 0.0, 4.0, 4, LEVELS, top=top) == line


def test_a_sample_does_not_last_for_ever() -> None:
    assert sparkline([(0, 5), (30, 5)], 0.0, 40.0, 8, LEVELS) == "77    77"


@pytest.mark.parametrize(
    ("moves", "begin", "end", "shown"),
    [
        ([(0, "good")], 0, 4, "gggg"),
        ([(0, "good"), (2, "odd")], 0, 4, "ggoo"),
        ([(0, "good"), (2.0, "bad"), (2.01, "good")], 0, 4, "ggbg"),
        ([(0, "bad"), (2, "good")], 0, 4, "bbgg"),
        ([(0, "bad"), (1, "good"), (9, "odd")], 4, 8, "gggg"),
        ([(0, "bad"), (5, "good")], 4, 8, "bggg"),
        ([(0, "odd"), (3.99, "good")], 0, 4, "oooo"),
    ],
)
def test_a_column_shows_the_most_remarkable_of_its_time(
    moves: list[tuple[float, str]], begin: float, end: float, shown: str
) -> None:
    assert "".join(value[0] if value else " " for value in columns(moves, begin, end, 4, rank=rank)) == shown


def test_no_time_has_passed_yet() -> None:
    assert len(columns([(0.0, "good")], 0.0, 0.0, 4, rank=rank)) == 4


@pytest.mark.parametrize(
    ("encoding", "glyphs"), [("utf-8", BLOCKS), ("ascii", ASCII), ("cp437", ASCII), ("no such", ASCII)]
)
def test_only_what_the_terminal_has_is_drawn(encoding: str, glyphs: object) -> None:
    assert glyphs_for(encoding) is glyphs


@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII])
def test_every_state_and_health_can_be_distinguished_without_colour(glyphs: Glyphs) -> None:
    assert len(set(glyphs.states)) == len(glyphs.states) == len(STATE_STYLES) == 6
    assert len(set(glyphs.healths)) == len(glyphs.healths) == len(HEALTH_STYLES) == 3
