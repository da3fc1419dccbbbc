"""The budget: ratios between two rows, for absolute times say more about the machine than about the program."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from .figures import Figure

FILE = Path(__file__).with_name("budget.toml")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ratio: a row of a figure, divided by another row of the same figure or of the one named by ``to_figure``.

    Without ``to`` the row itself is compared: for what is a ratio already, such as an exponent.
    """

    figure: str
    of: str = "sidecar"
    to: str = ""
    to_figure: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.figure}: {self.of}" + (f" / {self.to}" if self.to else "")

    @property
    def allowed(self) -> str:
        """The limit, for people."""
        return f"≤ {self.at_most}" if self.at_most is not None else f"≥ {self.at_least}"


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    ratio: list[Rule]


class Verdict(NamedTuple):
    """A rule against figures; ``kept`` and ``ratio`` are None where they hold no such rows."""

    rule: Rule
    ratio: float | None
    kept: bool | None


def load(path: Path = FILE) -> list[Rule]:
    """The rules.

    Raises:
        msgspec.ValidationError: the file is not as described here.
        ValueError: a rule has no limit, or two.
    """
    rules = msgspec.toml.decode(path.read_bytes(), type=Budget).ratio
    for rule in rules:
        if (rule.at_most is None) == (rule.at_least is None):
            raise ValueError(f"{rule.title}: exactly one of at_most and at_least")
    return rules


def check(figures: Iterable[Figure], rules: Iterable[Rule] | None = None) -> list[Verdict]:
    """Each rule with its verdict. The medians are compared."""
    named = {figure.name: figure for figure in figures}
    return [_verdict(rule, named) for rule in (load() if rules is None else rules)]


def _verdict(rule: Rule, named: dict[str, Figure]) -> Verdict:
    try:
        value = named[rule.figure].row(rule.of).median
        base = named[rule.to_figure or rule.figure].row(rule.to).median if rule.to else 1.0
    except KeyError:
        return Verdict(rule, None, None)
    ratio = value / base if base else float("inf")
    kept = ratio <= rule.at_most if rule.at_most is not None else ratio >= (rule.at_least or 0.0)
    return Verdict(rule, ratio, kept)
