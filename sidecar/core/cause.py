"""What is wrong, and what to do about it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Cause(NamedTuple):
    """One sentence or two each for cause and remedy, a stable name, the fatal error behind it, if any (observe.fatal), the program that is missing."""

    cause: str
    remedy: str
    kind: str = ""
    fatal: Any = None
    program: str = ""

    def filled(self, **facts: object) -> Cause:
        """With the facts in the place of their names in braces."""
        return self._replace(cause=self.cause.format_map(facts), remedy=self.remedy.format_map(facts))
