"""What is wrong, and what to do about it."""

from typing import Any, NamedTuple, Self


class Cause(NamedTuple):
    """Cause and remedy in one or two sentences each, a stable name, the fatal error behind it, if any (observe.fatal), the missing program."""

    cause: str
    remedy: str
    kind: str = ""
    fatal: Any = None
    program: str = ""

    def filled(self, **facts: object) -> Self:
        """Returns a copy in which the facts replace their names in braces."""
        return self._replace(cause=self.cause.format_map(facts), remedy=self.remedy.format_map(facts))
