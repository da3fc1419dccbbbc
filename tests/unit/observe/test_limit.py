from __future__ import annotations

from sidecar.observe.resources import Limit
from sidecar.wire.observe import ResourceAlert


def alerts(limit: Limit, values: list[float], *, interval: float = 2.0) -> list[tuple[int, bool, float]]:
    reported = [(number, limit.check(value, number * interval)) for number, value in enumerate(values)]
    return [(number, alert.active, alert.value) for number, alert in reported if alert is not None]


def test_an_alert_is_raised_once_after_the_value_was_too_high_for_long_enough() -> None:
    assert alerts(Limit("cpu", 100, 0.1, 4), [150, 150, 150, 150, 150]) == [(2, True, 150)]


def test_a_short_peak_raises_no_alert() -> None:
    assert alerts(Limit("cpu", 100, 0.1, 4), [150, 150, 50, 150, 150, 50]) == []


def test_a_value_around_the_limit_does_not_make_the_alert_flutter() -> None:
    assert alerts(Limit("cpu", 100, 0.1, 0), [101, 99, 101, 95, 91, 101]) == [(0, True, 101)]


def test_the_alert_ends_when_the_value_was_well_below_the_limit_for_long_enough() -> None:
    assert alerts(Limit("cpu", 100, 0.1, 4), [150] * 3 + [80, 80, 95, 80, 80, 80]) == [(2, True, 150), (8, False, 80)]


def test_a_limit_of_zero_is_none() -> None:
    assert alerts(Limit("memory", 0, 0.1, 0), [1e12] * 5) == []


def test_exactly_the_limit_is_allowed() -> None:
    assert alerts(Limit("memory", 100, 0.1, 0), [100] * 5) == []


def test_the_end_of_a_run_takes_an_active_alert_back_and_nothing_else() -> None:
    limit = Limit("memory", 100, 0.1, 0)
    assert limit.release() is None
    limit.check(200, 0)
    assert limit.release() == ResourceAlert(metric="memory", value=0.0, limit=100, active=False)
    assert limit.release() is None
