"""The writer of the pages."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import Figure, Results, Row
from tests.benchmarks.machine import Machine
from tests.benchmarks.table import BEGIN, END, merged, replaced, short, whole

MACHINE = Machine("2026-01-01 00:00 UTC", "Linux", "a processor", 2, 8.0, "3.11.0", "20.0.0", 0.1)


def results(*figures: Figure, command: str = "c") -> Results:
    return Results(MACHINE, command, "full", 10.0, list(figures), {})


def hello(median: float) -> Figure:
    rows = [Row(label, median, median - 1, median + 1, 7) for label in ("sidecar", "python -m emptypackage")]
    return Figure("start: hello", "ms", rows, goal="soon", note="A note.")


def test_what_is_between_the_marks_is_replaced_and_nothing_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter \\1\n"
    assert replaced(page, "new \\1") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter \\1\n"
    assert replaced(replaced(page, "x"), "x") == replaced(page, "x")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="figures: begin"):
        replaced("nothing", "new")


def test_the_short_table_holds_what_was_measured() -> None:
    text = "\n".join(short(results(hello(10.0))))
    assert "| hello after the spawn | 10.0 ms | 9.00 to 11.0 | soon | python -m emptypackage: 10.0 ms |" in text
    assert text.count("\n|") == 2


def test_the_whole_table_holds_every_row() -> None:
    text = "\n".join(whole(results(hello(10.0))))
    assert "**start: hello** (goal: soon)" in text
    assert "| python -m emptypackage | 10.0 | 9.00 to 11.0 | 7 | 1.00 |" in text


def test_a_later_run_replaces_what_it_measured_again() -> None:
    both = merged([results(hello(1.0), Figure("other", "ms", [])), results(hello(2.0), command="d")])
    assert [figure.name for figure in both.figures] == ["start: hello", "other"]
    assert both.figures[0].row("sidecar").median == 2.0
    assert both.command == "c`, `d"
