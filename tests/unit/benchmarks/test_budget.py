"""The budget's own logic, and that its file is valid."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.budget import Rule, check, load
from tests.benchmarks.figures import Figure, Row


def figure(name: str, **medians: float) -> Figure:
    return Figure(name, "ms", [Row(label, median, median, median, 7) for label, median in medians.items()])


@pytest.mark.parametrize(("ours", "kept"), [(11.0, True), (12.0, True), (12.1, False)])
def test_a_ratio_above_its_limit_is_not_kept(ours: float, kept: bool) -> None:
    (verdict,) = check([figure("start", sidecar=ours, floor=10.0)], [Rule("start", to="floor", at_most=1.2)])
    assert verdict.kept is kept
    assert verdict.ratio == pytest.approx(ours / 10)


def test_a_ratio_below_its_limit_is_not_kept() -> None:
    rules = [Rule("rate", to="peer", at_least=1.5), Rule("rate", to="peer", at_least=2.5)]
    assert [verdict.kept for verdict in check([figure("rate", sidecar=20, peer=10)], rules)] == [True, False]


def test_a_figure_of_its_own_is_compared_without_a_peer() -> None:
    rules = [Rule("growth", of="exponent", at_most=1.0), Rule("growth", of="exponent", at_most=0.9)]
    assert [verdict.kept for verdict in check([figure("growth", exponent=0.95)], rules)] == [True, False]


def test_two_figures_can_be_compared() -> None:
    rule = Rule("a", to="floor", to_figure="b", at_most=3.0)
    assert check([figure("a", sidecar=4.0), figure("b", floor=2.0)], [rule])[0].ratio == 2.0


def test_what_was_not_measured_is_neither_a_failure_nor_a_success() -> None:
    rules = [Rule("absent", to="floor", at_most=1.0), Rule("start", to="absent", at_most=1.0)]
    assert [verdict[1:] for verdict in check([figure("start", sidecar=1.0)], rules)] == [(None, None)] * 2


def test_a_peer_that_took_no_time_is_never_beaten() -> None:
    assert check([figure("x", sidecar=1.0, floor=0.0)], [Rule("x", to="floor", at_most=9.0)])[0].kept is False


def test_the_file_holds_ratios_alone() -> None:
    rules = load()
    assert rules
    for rule in rules:
        assert rule.to or "exponent" in rule.of, rule
        assert rule.of != rule.to


@pytest.mark.parametrize("limits", ["", "at_most = 1\nat_least = 1"])
def test_a_rule_without_one_limit_is_refused(tmp_path: Path, limits: str) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(f'[[ratio]]\nfigure = "x"\nto = "y"\n{limits}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="exactly one of"):
        load(file)


def test_a_word_that_means_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text('[[ratio]]\nfigure = "x"\nto = "y"\nat_msot = 1\n', encoding="utf-8")
    with pytest.raises(msgspec.ValidationError, match="at_msot"):
        load(file)
