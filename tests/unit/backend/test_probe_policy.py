from __future__ import annotations

from typing import Any

import pytest

from sidecar.backend.probe import next_port_check_delay, next_probe_delay, significant


@pytest.mark.parametrize(
    ("elapsed", "interval", "expected"),
    [(0.0, 1.0, 0.005), (0.25, 1.0, 0.005), (1.0, 1.0, 0.02), (10.0, 1.0, 0.2), (60.0, 1.0, 1.0), (60.0, 0.1, 0.1)],
)
def test_the_wait_between_requests_grows_with_the_start_up_to_the_health_interval(
    elapsed: float, interval: float, expected: float
) -> None:
    assert next_probe_delay(elapsed, interval) == pytest.approx(expected)


def test_a_tiny_health_interval_does_not_make_a_busy_loop() -> None:
    assert next_probe_delay(10.0, 0.0001) == 0.005


def test_port_checks_are_1_to_10_ms_apart() -> None:
    delays = [next_port_check_delay(elapsed) for elapsed in (0.0, 0.05, 0.4, 0.5, 60.0)]
    assert delays == pytest.approx([0.001, 0.001, 0.008, 0.01, 0.01])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "lastUpdated": "x"}, {"lastUpdated": "y", "a": 1}, True),
        ({"a": [{"b": {"lastUpdated": 1, "c": 2}}]}, {"a": [{"b": {"lastUpdated": 2, "c": 2}}]}, True),
        ({"a": [{"b": {"lastUpdated": 1, "c": 2}}]}, {"a": [{"b": {"lastUpdated": 1, "c": 3}}]}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({}, {"a": None}, False),
        ("page", "page", True),
        ("page", "other", False),
    ],
)
def test_bodies_that_differ_only_in_ignored_keys_are_the_same(one: Any, other: Any, same: bool) -> None:
    assert (significant(one, ("lastUpdated",)) == significant(other, ("lastUpdated",))) is same


def test_a_body_nested_deeper_than_python_can_follow_is_compared_whole() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    assert significant(deep, ("b",)) == significant(deep, ("c",))
