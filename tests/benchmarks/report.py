"""The figures on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .budget import Verdict
from .figures import Figure, Row, Scale
from .machine import Machine

_console = Console(highlight=False, soft_wrap=False)


def heading(machine: Machine, scale: Scale) -> None:
    """What is measured on."""
    _console.print(
        f"{machine.date} · {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB · {machine.system} · "
        f"Python {machine.python} · Node {machine.node} · load {machine.load} · {scale.name}"
    )
    if machine.load > machine.cores / 2:
        _console.print("[yellow]This machine is busy with something else: only ratios mean anything.[/]")


def group(name: str, what: str) -> None:
    """What comes now."""
    _console.rule(f"{name}: {what}", align="left")


def figure(one: Figure) -> None:
    """One figure as a table; the factor compares each row with the first."""
    goal = f"  [dim]goal: {one.goal}[/]" if one.goal else ""
    table = Table(title=f"{one.name}{goal}", title_justify="left", box=None, pad_edge=False, title_style="bold")
    for name in ("", one.unit or "value", "p10 to p90", "n", "first row by this" if one.compare else ""):
        table.add_column(name, justify="left" if not name else "right")
    first = one.rows[0]
    for row in one.rows:
        spread = f"{number(row.low)} to {number(row.high)}" if row.count > 1 else ""
        table.add_row(row.label, number(row.median), spread, str(row.count), factor(first, row) if one.compare else "")
    _console.print(table)
    _console.print()


def factor(first: Row, row: Row) -> str:
    """How many times this row the first row is."""
    if row is first or row.median <= 0 or first.median <= 0:
        return ""
    return f"{first.median / row.median:.2f}"


def number(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def skipped(reason: str) -> None:
    """Something cannot be measured here."""
    _console.print(f"[yellow]left out: {reason}[/]\n")


def closing(seconds: float, reasons: dict[str, str]) -> None:
    """The end."""
    left_out = f", left out: {', '.join(reasons)}" if reasons else ""
    _console.print(f"{seconds:.0f} s{left_out}")


def budget(verdicts: Sequence[Verdict]) -> int:
    """Each ratio of the budget; exit status 1 if one is not kept."""
    table = Table(title="budget", title_justify="left", box=None, pad_edge=False, title_style="bold")
    for name in ("ratio", "is", "allowed", ""):
        table.add_column(name, justify="left" if name in {"ratio", ""} else "right")
    for verdict in verdicts:
        colour, word = {True: ("green", "kept"), False: ("red", "NOT KEPT"), None: ("yellow", "not measured")}[
            verdict.kept
        ]
        actual = "" if verdict.ratio is None else f"{verdict.ratio:.2f}"
        table.add_row(verdict.rule.title, actual, verdict.rule.allowed, f"[{colour}]{word}[/]")
    _console.print(table)
    return int(any(verdict.kept is False for verdict in verdicts))
