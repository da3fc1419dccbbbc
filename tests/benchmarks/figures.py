"""What a benchmark gives: figures of a few rows, each a median with its spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from .machine import Machine

REPETITIONS = 7


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """One contender: the median, the 10th and 90th percentile, and of how many values."""

    label: str
    median: float
    low: float
    high: float
    count: int


class Figure(msgspec.Struct, forbid_unknown_fields=True):
    """One question with the answers of all contenders; ours is the first row.

    Attributes:
        name: unique; the budget names figures by it.
        goal: what it shall be, in words, empty where no goal is set.
        note: what a reader must know to understand the rows.
        compare: whether the rows answer the same question, so that the first can be given as a multiple of each other.
    """

    name: str
    unit: str
    rows: list[Row]
    better: Literal["lower", "higher"] = "lower"
    goal: str = ""
    note: str = ""
    compare: bool = True

    def row(self, label: str) -> Row:
        """KeyError: unknown label."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(f"{self.name}: no row {label!r}, only {[row.label for row in self.rows]}")


class Results(msgspec.Struct, forbid_unknown_fields=True):
    """What ``--json`` writes."""

    machine: Machine
    command: str
    scale: str
    seconds: float
    figures: list[Figure]
    skipped: dict[str, str]


class Skipped(Exception):  # noqa: N818 - it is no failure
    """A benchmark cannot be run here; the text says why."""


class Scale(msgspec.Struct, frozen=True):
    """How much is done: ``full`` for a result, ``quick`` for a look, ``tiny`` to see that it works at all."""

    name: Literal["full", "quick", "tiny"]

    def of(self, full: int, quick: int, tiny: int) -> int:
        """The number that suits this scale."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.name]

    @property
    def repetitions(self) -> int:
        """How often each contender is measured."""
        return self.of(REPETITIONS + 2, REPETITIONS, 1)


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between the two nearest values; ``share`` from 0 to 1."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def row(label: str, values: Sequence[float]) -> Row:
    """The row that values make. ValueError: there are none."""
    if not values:
        raise ValueError(f"no values for {label}")
    return Row(label, statistics.median(values), quantile(values, 0.1), quantile(values, 0.9), len(values))


def rows(values: Mapping[str, Sequence[float]]) -> list[Row]:
    """A row for each contender."""
    return [row(label, measured) for label, measured in values.items()]


def alternate(
    contenders: Mapping[str, Callable[[], float | Iterable[float]]], repetitions: int
) -> dict[str, list[float]]:
    """Measures every contender once, then all of them again: what changes on the machine meanwhile hits all alike.

    Args:
        contenders: what each measures in one repetition: one value, or several.
        repetitions: how often. Before them comes one round that is not kept (file caches, byte code, processor clocks),
            unless there is only one.
    """
    measured: dict[str, list[float]] = {label: [] for label in contenders}
    for repetition in range(-1 if repetitions > 1 else 0, repetitions):
        for label, measure in contenders.items():
            value = measure()
            if repetition >= 0:
                measured[label] += [value] if isinstance(value, int | float) else value
    return measured


def exponent(points: Mapping[float, float]) -> float:
    """The slope of a straight line through the points on logarithmic axes: 1 is linear growth, 2 quadratic, 0 none."""
    import math

    xs = [math.log(x) for x in points]
    ys = [math.log(y) for y in points.values()]
    return statistics.linear_regression(xs, ys).slope
