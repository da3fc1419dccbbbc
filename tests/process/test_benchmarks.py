"""Every benchmark in its smallest form: it runs, and returns figures that the budget can read."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.benchmarks.__main__ import GROUPS
from tests.benchmarks.budget import check
from tests.benchmarks.figures import Figure, Scale, Skipped

pytestmark = [
    pytest.mark.posix(reason="the measuring side waits with select and poll, on pipes"),
    pytest.mark.heavy,
    pytest.mark.slow,
]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_gives_figures(group: str) -> None:
    figures: list[Figure] = []
    try:
        figures += import_module(f"tests.benchmarks.{group}").run(Scale("tiny"))
    except Skipped as reason:
        if not figures:
            pytest.skip(str(reason))
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert figure.rows, figure.name
        for row in figure.rows:
            assert row.count > 0
            assert row.low <= row.median <= row.high, (figure.name, row)
    named = {figure.name for figure in figures}
    for verdict in check(figures):
        assert verdict.kept is not None or verdict.rule.figure not in named, f"the budget names no row: {verdict.rule}"
