"""How cost grows with size; each figure ends with the fitted exponent: 0 means no growth, 1 linear, 2 quadratic."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from tests.support.pipes import pack

from .figures import Figure, Row, Scale, alternate, exponent, row, rows
from .kill import by_sidecar
from .memory import delivery, flooded
from .rig import Sidecar, on_one_core

_SATURATED = 0.8  # of what was asked for


def run(scale: Scale) -> Iterator[Figure]:
    """See the module."""
    most = scale.of(5, 5, 2)
    yield from in_flight([10**power for power in range(most)], scale.repetitions)
    if sys.platform != "win32":
        yield trees((1, 3, 10, 30, 100, 300, 1000)[: scale.of(7, 5, 2)], scale.of(7, 3, 1))
    yield from events([1000 * 4**power for power in range(scale.of(6, 5, 2))], scale.of(7, 3, 1))


def in_flight(sizes: Sequence[int], repetitions: int) -> Iterator[Figure]:
    """Requests that wait for their answers."""
    with Sidecar(flags=["--max-in-flight", "20000"]) as sidecar:
        sidecar.call("sidecar:ping", "there?")

        def burst(size: int) -> float:
            return _burst(sidecar, size) * 1000

        yield _fitted(
            "growth: n pings at once",
            "ms",
            {size: alternate({"": lambda size=size: burst(size)}, repetitions)[""] for size in sizes},
            goal="≤ 1",
            note="From the first byte of n requests to the last answer.",
            unit_of_size="in flight",
        )
    # All at once and by turns, on one core: alone it would be seen on which core the system happened to put each of them.
    with on_one_core(), contextlib.ExitStack() as stack:
        crowded: dict[int, Sidecar] = {}
        for size in sizes:
            sidecar = crowded[size] = stack.enter_context(Sidecar(flags=["--max-in-flight", "20000"]))
            sidecar.settle()
            for number in range(size):
                sidecar.send({"type": "request", "id": 10**6 + number, "channel": "backend:waitForReady", "args": []})
            sidecar.call("sidecar:ping", "all taken?")
        turns = {str(size): lambda sidecar=sidecar: _pings(sidecar, 200) for size, sidecar in crowded.items()}
        measured = {int(size): values for size, values in alternate(turns, repetitions).items()}
    yield _fitted(
        "growth: a ping while n requests wait",
        "µs",
        measured,
        goal="0",
        note="n calls of backend:waitForReady are in flight and unanswered. One core.",
        unit_of_size="waiting",
    )


def trees(sizes: Sequence[int], repetitions: int) -> Figure:
    """The kill of a tree."""
    measured = alternate({str(size): lambda size=size: by_sidecar(size) for size in sizes}, repetitions)
    return _fitted(
        "growth: kill of a tree of n",
        "ms",
        {int(size): values for size, values in measured.items()},
        goal="≤ 1",
        note="As in 'tree of n killed'.",
        unit_of_size="processes",
    )


def events(rates: Sequence[int], repetitions: int) -> Iterator[Figure]:
    """Lines of the backend's at rising rates, half a second of each."""
    with flooded() as (sidecar, order):
        sidecar.call("sidecar:subscribe", ["backend:log"])

        def once(rate: int) -> float:
            delivered, seconds = delivery(sidecar, order, rate // 2, rate)
            return delivered / seconds / 1000

        measured = alternate({str(rate): lambda rate=rate: once(rate) for rate in rates}, repetitions)
    points = {int(rate): values for rate, values in measured.items()}
    yield _fitted(
        "growth: events a second delivered",
        "k/s",
        points,
        goal="1 up to saturation",
        note="Lines written per second, and how many of them arrived as events; beyond saturation the oldest are dropped and counted.",
        unit_of_size="lines a second",
        until_saturation=True,
    )


def _fitted(
    name: str,
    unit: str,
    measured: Mapping[int, Sequence[float]],
    *,
    goal: str,
    note: str,
    unit_of_size: str,
    until_saturation: bool = False,
) -> Figure:
    table: list[Row] = rows({f"{size:,} {unit_of_size}": values for size, values in measured.items()})
    points = {float(size): one.median for size, one in zip(measured, table, strict=True)}
    if until_saturation:
        points = {size: median for size, median in points.items() if median > _SATURATED * size / 1000} or points
    upper = dict(sorted(points.items())[-3:])  # a fixed cost hides the growth of small sizes
    fitted = [row("exponent", [exponent(points)]), row("exponent, three largest", [exponent(upper)])]
    if until_saturation:
        fitted.append(row("saturation", [max(one.median for one in table)]))
    return Figure(
        name,
        unit,
        [*fitted, *table],
        better="higher" if until_saturation else "lower",
        goal=f"exponent {goal}",
        note=note,
        compare=False,
    )


def _burst(sidecar: Sidecar, size: int) -> float:
    """Seconds; written and read in turn, for two pipes hold less than ten thousand requests."""
    requests = b"".join(
        pack({"type": "request", "id": number, "channel": "sidecar:ping", "args": ["x"]})
        for number in range(1, size + 1)
    )
    left = sum(len(pack({"type": "response", "id": number, "result": "x"})) for number in range(1, size + 1))
    view = memoryview(requests)
    os.set_blocking(sidecar.stdin, False)
    began = time.perf_counter()
    try:
        while left > 0:
            writing = [sidecar.stdin] if view else []
            readable, writable, _ = select.select([sidecar.stdout], writing, [])
            if writable:
                view = view[os.write(sidecar.stdin, view) :]
            if readable:
                left -= len(os.read(sidecar.stdout, 1 << 18))
        return time.perf_counter() - began
    finally:
        os.set_blocking(sidecar.stdin, True)


def _pings(sidecar: Sidecar, count: int) -> float:
    """The mean of so many pings in µs."""
    request = pack({"type": "request", "id": 1, "channel": "sidecar:ping", "args": ["x"]})
    began = time.perf_counter()
    for _ in range(count):
        os.write(sidecar.stdin, request)
        os.read(sidecar.stdout, 1 << 16)
    return (time.perf_counter() - began) / count * 1e6
