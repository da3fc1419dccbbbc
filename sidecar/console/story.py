"""The events that ``watch`` and ``demo`` have seen so far, and which part of the output ``watch`` shows. Pure."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ..plain import one_line
from ..wire.observe import Check
from .sentences import SGR, Line, sentence

KEPT_LINES = 2000  # of the backend's output, to scroll back through
KEPT_EVENTS = 200
KEPT_MOVES = 1000
KEPT_SAMPLES = 3000  # ten minutes at five a second
_SHOWN_ELSEWHERE = {"backend:log", "backend:resourceUpdate", "backend:startupProgress"}  # they would crowd out others


class Story(Struct):
    """Collects events; times are seconds since the tool's start."""

    own: str = "watch"  # the channel name of the tool's own actions
    state: str = "STOPPED"
    health: str = "unknown"
    health_error: str = ""
    pid: int | None = None
    url: str | None = None
    crashes: int = 0
    last_crash: Mapping[str, Any] | None = None
    since: float = 0.0  # when the state last changed
    command: str = ""  # what runs, secrets masked, and (below) where; empty if unknown
    folder: str = ""
    progress: Mapping[str, Any] | None = None  # the latest progress of a start
    crashed_at: float = 0.0  # when the last crash was reported
    written: int = 0  # lines of output, including those that are no longer kept
    # Time, CPU in % of one core, and memory in bytes, of this and earlier runs
    samples: deque[tuple[float, float, int]] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    # When each state, or health, began
    moves: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "STOPPED")], maxlen=KEPT_MOVES))
    healths: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "unknown")], maxlen=KEPT_MOVES))
    # Stream and text, which may hold anything
    output: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    # Everything but output, figures and progress of a start
    events: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    checks: Sequence[Check] | None = None  # the last diagnosis
    missing: int = 0  # lines of output that the sidecar had to drop

    def take(self, at: float, channel: str, payload: Any) -> Line:
        self._apply(at, channel, payload)
        line = Line(at, channel, sentence(channel, payload))
        if channel not in _SHOWN_ELSEWHERE:
            self.events.append(line)
        return line

    def note(self, at: float, text: str) -> Line:
        line = Line(at, self.own, one_line(text))
        self.events.append(line)
        return line

    @property
    def stopped(self) -> bool:
        """Whether nothing runs and nothing is about to."""
        return self.state in {"STOPPED", "FAILED"}

    def _apply(self, at: float, channel: str, payload: Any) -> None:
        match channel:
            case "backend:stateChanged":
                self.state, self.pid, self.url = payload["state"], payload["pid"], payload["url"]
                self.since, self.progress = at, None
                self.moves.append((at, self.state))
                if self.state != "RUNNING":
                    self._health(at, "unknown", "")
            case "backend:healthUpdate" if self.state == "RUNNING":  # the last one of a run comes after its exit
                self._health(at, payload["status"], payload.get("error") or "")
            case "backend:crash":
                self.crashes += 1
                self.crashed_at = at
                self.last_crash = payload
            case "backend:resourceUpdate":
                self.samples.append((at, payload["cpu"], payload["memory"]))
            case "backend:log":
                self.output.append((payload["stream"], payload["text"]))
                self.written += 1
            case "backend:startupProgress":
                self.progress = payload

    def _health(self, at: float, health: str, error: str) -> None:
        if health != self.health:
            self.healths.append((at, health))
        self.health, self.health_error = health, error


class Recovery(Struct):
    """Whether the demo's backend crashed and came back; ``pid`` and ``port`` belong to the process that runs, or ran last."""

    pid: int | None = None
    port: int | None = None
    crashed_pid: int | None = None
    recovered_pid: int | None = None
    healthy_again: bool = False
    reported: bool = False

    def take(self, channel: str, payload: Any, story: Story) -> None:
        """Takes one event, which ``story`` has already taken."""
        self.reported |= channel == "backend:crash"
        if channel == "backend:stateChanged":
            self.port = payload["port"] or self.port
            if payload["previous"] == "RUNNING" and payload["reason"] == "crashed" and self.crashed_pid is None:
                self.crashed_pid = self.pid
            if story.state == "RUNNING":
                self.pid = payload["pid"]
                if self.crashed_pid not in {None, self.pid}:
                    self.recovered_pid = self.pid
        self.healthy_again |= self.recovered_pid is not None and story.health == "healthy"

    def missing(self) -> list[str]:
        if self.crashed_pid is None:
            return ["the backend did not run and then crash"]
        missing = [] if self.reported else ["the crash was not reported"]
        if self.recovered_pid is None:
            missing.append("the backend did not run again as a new process after its crash")
        elif not self.healthy_again:
            missing.append("the backend was not healthy after its crash")
        return missing


class View(Struct):
    """Filter and scroll position; keys change them."""

    needle: str = ""  # only lines that contain it are shown, ignoring case
    typing: bool = False  # keys go into the filter's text
    last: int | None = None  # the number of the lowest line shown; None: the newest one
    helping: bool = False  # the help replaces events and output
    rows: int = 10  # lines of output on the screen

    def press(self, key: str, story: Story) -> bool:
        """Handles a key; returns False if it has no meaning here."""
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
        """Returns the lines on the screen, how many lines match in all, and how many of those are below."""
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
