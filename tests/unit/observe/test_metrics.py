from __future__ import annotations

import re
from typing import Any

from sidecar.observe.metrics import Metrics
from sidecar.wire.messages import ForcedProcess
from sidecar.wire.observe import Crash, ResourceSample, StateChanged
from tests.unit.observe.test_crash import crash

_LINE = re.compile(r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (?P<value>[-+.e\d]+)')


def samples(page: str) -> dict[str, float]:
    """Name and labels, except the sidecar's own, to value; checks that Prometheus can read every line."""
    found = {}
    for line in page.splitlines():
        if not line.startswith("# "):
            match = _LINE.fullmatch(line)
            assert match is not None, line
            labels = re.sub(r'^sidecar="(?:[^"\\]|\\.)*",?', "", match["labels"])
            found[match["name"].removeprefix("backend_sidecar_") + (f"{{{labels}}}" if labels else "")] = float(
                match["value"]
            )
    return found


def moved(metrics: Metrics, now: float, *states: str, reason: Any = "requested", **more: Any) -> None:
    for state in states:
        change = StateChanged(
            state=state, previous=metrics.state, reason=reason, pid=1, port=2, url="", time="", **more
        )  # type: ignore[arg-type] - names of states
        metrics.changed(change, now)


def failed(kind: str) -> Crash:
    return crash(kind=kind)


def test_a_sidecar_that_did_nothing_has_every_counter_at_zero() -> None:
    found = samples(Metrics().render("aura", {"version": "1.2"}))
    assert found['info{version="1.2"}'] == 1
    assert found['state{state="STOPPED"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("state{")) == 1
    for name in ("starts_total", "restarts_total", "crashes_total", "forced_stops_total", "ready_seconds_count"):
        assert found[name] == 0
    assert not {"healthy", "cpu_ratio", "memory_bytes"} & set(found)


def test_a_life_is_counted() -> None:
    metrics = Metrics()
    moved(metrics, 10.0, "STARTING", reason="autostart")
    moved(metrics, 10.5, "STARTING", reason="port_changed")
    moved(metrics, 11.5, "RUNNING", reason="ready")
    metrics.health, metrics.sample = True, ResourceSample("", 150.0, 1 << 40, 3, 9)
    while_running = samples(metrics.render("a", {}))
    moved(metrics, 20.0, "BACKOFF", reason="crashed")
    metrics.crashed(failed("disk_full"))
    moved(metrics, 21.0, "STARTING", reason="crashed")
    moved(metrics, 21.04, "RUNNING", reason="ready")
    moved(metrics, 30.0, "STOPPING")
    moved(metrics, 42.0, "STARTING", forced=[ForcedProcess(1, "x")])
    moved(metrics, 43.0, "BACKOFF", reason="crashed")
    metrics.crashed(failed("exception"))
    metrics.crashed(failed("exception"))
    assert (while_running["healthy"], while_running["cpu_ratio"], while_running["memory_bytes"]) == (1, 1.5, 1 << 40)
    found = samples(metrics.render("a", {}))
    assert not {"healthy", "cpu_ratio", "memory_bytes"} & set(found)
    assert (found["starts_total"], found["restarts_total"], found["forced_stops_total"]) == (3, 2, 1)
    assert (found["crashes_total"], found['crashes_by_cause_total{cause="exception"}']) == (3, 2)
    assert (found["ready_seconds_count"], found["ready_seconds_sum"]) == (2, 1.54)
    buckets = [found[f'ready_seconds_bucket{{le="{bound}"}}'] for bound in ("0.05", "1", "2.5", "60", "+Inf")]
    assert buckets == [1, 1, 2, 2, 2]
    assert (found["stop_seconds_count"], found["stop_seconds_sum"]) == (1, 12)


def test_a_name_with_any_characters_is_a_label() -> None:
    page = Metrics().render('a"b\\c\nd', {})
    assert samples(page)["starts_total"] == 0
    assert '{sidecar="a\\"b\\\\c\\nd"}' in page


def test_every_metric_is_explained_once_before_its_samples() -> None:
    metrics = Metrics()
    metrics.health, metrics.sample = True, ResourceSample("", 1.0, 1, 1, 1)
    seen: list[str] = []
    for line in metrics.render("a", {}).splitlines():
        if line.startswith("# HELP "):
            seen.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[2] == seen[-1]
        else:
            assert line.startswith(seen[-1])
    assert len(seen) == len(set(seen))
