"""``python -m tests.benchmarks.table FILE [--write]``: what ``--json`` wrote, as the tables of docs/performance.md.

What stands between its two marks is replaced; the rest, above all what limits each figure, is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.support.launch import ROOT

from .figures import Figure, Results, Row
from .machine import Machine
from .report import factor, number
from .start import PACKED

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
PAGE = "docs/performance.md"


class Line(NamedTuple):
    """A line of the short table: rows of figures, the goal, and the peer that it is compared with."""

    title: str
    figure: str
    of: str = "sidecar"
    peer: str = ""


SHORT = [
    Line("hello after the spawn", "start: hello", peer="python -m emptypackage"),
    Line("backend executes, after the spawn of the sidecar", "start: backend executes", peer="python -m emptypackage"),
    Line("the same, packed", "start: backend executes", PACKED, "python -m emptypackage"),
    Line("backend being spawned, after the spawn of the sidecar", "start: STARTING reported", peer="node child"),
    Line("first answer after the spawn", "start: first answer", peer="python -m emptypackage"),
    Line("the same, packed", "start: first answer", PACKED, "python -m emptypackage"),
    Line("ping from Node, 100 B", "ping p50: 100 B, one core", "client.js → sidecar", "Node IPC json"),
    Line(
        "calls from Node, 64 in flight",
        "calls a second, 64 in flight: 100 B, free",
        "client.js → sidecar",
        "Node IPC json",
    ),
    Line(
        "ready reported after the first possible answer",
        "first possible answer → reported: ASP.NET Core",
        peer="polling every 250 ms",
    ),
    Line(
        "ready reported, packed, small backend that listens at once",
        "first possible answer → reported: listens at once",
        PACKED,
        "polling every 250 ms",
    ),
    Line(
        "ready reported, small backend that listens after 1 s",
        "first possible answer → reported: listens after 1 s",
        peer="polling every 250 ms",
    ),
    Line(
        "death reported after SIGKILL", "backend died → reported: small backend", peer="pidfd of the measuring process"
    ),
    Line("stop answered after the backend's exit", "backend stopped → answered: small backend"),
    Line("tree of 200 processes killed", "tree of 200 killed", peer="psutil children and kill"),
    Line("resident memory, idle", "memory: idle", peer="node, asleep"),
    Line("resident memory of the guardian", "memory: guardian", "guardian", "python -I -S, asleep"),
    Line("processor, idle, a health check every second", "processor: idle", "sidecar and guardian"),
    Line("the backend's output taken in", "log taken in", peer="read and forgotten by Python"),
]


def main() -> int:
    """Prints the tables, or writes them into the pages."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.table", description=__doc__)
    parser.add_argument(
        "file", type=Path, nargs="+", help="what --json wrote; of several, figures of the later ones count"
    )
    parser.add_argument("--write", action="store_true", help="write them between the marks of docs/performance.md")
    options = parser.parse_args()
    results = merged([msgspec.json.decode(file.read_bytes(), type=Results) for file in options.file])
    text = "\n".join([origin(results), "", *short(results), *whole(results)])
    if options.write:
        path = ROOT / PAGE
        path.write_text(replaced(path.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        sys.stdout.write(f"{text}\n")
    return 0


def merged(runs: list[Results]) -> Results:
    """One result of several runs: the idle figures may come from a run of their own."""
    first = runs[0]
    figures = {figure.name: figure for run in runs for figure in run.figures}
    skipped = {name: reason for run in runs for name, reason in run.skipped.items()}
    command = "`, `".join(run.command for run in runs)
    seconds = sum(run.seconds for run in runs)
    return Results(first.machine, command, first.scale, seconds, list(figures.values()), skipped)


def replaced(page: str, text: str) -> str:
    """The page with another text between its marks. ValueError: it has none."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page needs {BEGIN} and {END} once each")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.DOTALL)


def origin(results: Results) -> str:
    """Where the figures come from, in one sentence."""
    machine: Machine = results.machine
    return (
        f"Measured {machine.date} on {machine.cores} cores of {machine.processor}, {machine.system}, Python {machine.python}, "
        f"Node {machine.node}, load before it {machine.load}, by `{results.command}` ({results.seconds:.0f} s, {results.scale})."
    )


def short(results: Results) -> Iterator[str]:
    """The main figures; what was not measured is left out."""
    figures = {figure.name: figure for figure in results.figures}
    yield "| what | median | p10 to p90 | goal | beside it |"
    yield "|---|---|---|---|---|"
    for line in SHORT:
        figure = figures.get(line.figure)
        if figure is not None and any(row.label == line.of for row in figure.rows):
            row = figure.row(line.of)
            beside = f"{line.peer}: {_value(figure.row(line.peer), figure)}" if line.peer else ""
            yield f"| {line.title} | {_value(row, figure)} | {_spread(row)} | {figure.goal} | {beside} |"


def whole(results: Results) -> Iterator[str]:
    """Every figure with every row."""
    for figure in results.figures:
        first = figure.rows[0]
        yield f"\n**{figure.name}**" + (f" (goal: {figure.goal})" if figure.goal else "")
        yield f"\n{figure.note}\n" if figure.note else ""
        yield f"| | {figure.unit or 'value'} | p10 to p90 | n |" + (" first row by this |" if figure.compare else "")
        yield "|---|---:|---:|---:|" + ("---:|" if figure.compare else "")
        for row in figure.rows:
            compared = f" {factor(first, row)} |" if figure.compare else ""
            yield f"| {row.label} | {number(row.median)} | {_spread(row)} | {row.count} |{compared}"
    for name, reason in results.skipped.items():
        yield f"\nLeft out of {name}: {reason}."


def _value(row: Row, figure: Figure) -> str:
    return f"{number(row.median)} {figure.unit}".strip()


def _spread(row: Row) -> str:
    return f"{number(row.low)} to {number(row.high)}" if row.count > 1 else ""


if __name__ == "__main__":
    sys.exit(main())
