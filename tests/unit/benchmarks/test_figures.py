"""The arithmetic under every figure."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import Scale, alternate, exponent, quantile, row


def test_a_quantile_lies_between_its_two_nearest_values() -> None:
    values = [4.0, 1.0, 3.0, 2.0, 5.0]
    assert [quantile(values, share) for share in (0, 0.1, 0.5, 1)] == [1.0, 1.4, 3.0, 5.0]


def test_a_row_holds_the_median_and_its_spread() -> None:
    made = row("x", [float(value) for value in range(11)])
    assert (made.median, made.low, made.high, made.count) == (5.0, 1.0, 9.0, 11)


def test_a_row_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values for x"):
        row("x", [])


def test_contenders_take_turns_and_the_first_round_is_dropped() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = alternate({"a": lambda: contender("a"), "b": lambda: [contender("b"), 0.0]}, 2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert measured == {"a": [3.0, 5.0], "b": [4.0, 0.0, 6.0, 0.0]}


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    assert exponent({size: 3 * size**power for size in (1.0, 10.0, 100.0)}) == pytest.approx(power)


def test_a_result_has_at_least_seven_repetitions() -> None:
    assert Scale("full").repetitions >= 7
    assert Scale("quick").repetitions >= 7
