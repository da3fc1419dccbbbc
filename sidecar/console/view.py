"""The part of the output that ``watch`` shows: filter and scroll position. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .sentences import SGR
from .story import Story


@dataclass(slots=True)
class View:
    """Filter and scroll position; keys change them."""

    needle: str = ""  # only lines that hold it are shown, in any case
    typing: bool = False  # keys are the filter's text
    last: int | None = None  # the number of the lowest line that is shown; None: the newest one
    helping: bool = False  # the keys are explained in place of events and output
    rows: int = 10  # of output on the screen

    def press(self, key: str, story: Story) -> bool:
        """Handles a key; False if it has no meaning here."""
        if self.typing:
            self._type(key)
        elif key in {"up", "down", "page up", "page down", "home", "end"}:
            page, size = max(1, self.rows - 1), len(story.output)
            steps = {"up": -1, "down": 1, "page up": -page, "page down": page, "home": -size, "end": size}
            self._move(story, steps[key])
        elif key == "/":
            self.typing = True
        elif key == "?" or (key == "\x1b" and self.helping):
            self.helping = not self.helping
        elif key == "\x1b" and (self.needle or self.last is not None):
            self.needle, self.last = "", None
        else:
            return False
        return True

    def shown(self, story: Story) -> tuple[list[tuple[str, str]], int, int]:
        """The lines on the screen, how many there are of those that match, and how many of these are below."""
        found = self._matching(story)
        end = min(len(found), max(self._place(found) + 1, self.rows))
        lines = [(stream, text) for _, stream, text in found[max(0, end - self.rows) : end]]
        return lines, len(found), len(found) - end

    def _type(self, key: str) -> None:
        if key in {"enter", "\x1b"}:
            self.typing = False
        if key == "\x1b":
            self.needle = ""
        elif key == "backspace":
            self.needle = self.needle[:-1]
        elif len(key) == 1:
            self.needle += key
        self.last = None

    def _move(self, story: Story, by: int) -> None:
        found = self._matching(story)
        place = max(min(self.rows, len(found)) - 1, self._place(found) + by)
        self.last = found[place][0] if 0 <= place < len(found) - 1 else None

    def _matching(self, story: Story) -> list[tuple[int, str, str]]:
        first = story.written - len(story.output)
        return [
            (first + place, stream, text)
            for place, (stream, text) in enumerate(story.output)
            if not self.needle or self.needle in SGR.sub("", text).lower()
        ]

    def _place(self, found: list[tuple[int, str, str]]) -> int:
        if self.last is None:
            return len(found) - 1
        return sum(number <= self.last for number, _, _ in found) - 1
