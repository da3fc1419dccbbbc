"""The events that ``watch`` and ``demo`` have seen so far. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..plain import one_line
from ..wire.observe import Check
from .sentences import Line, sentence

KEPT_LINES = 2000  # of the backend's output, to scroll back through
KEPT_EVENTS = 200
KEPT_MOVES = 1000
KEPT_SAMPLES = 3000  # ten minutes at five a second
_SHOWN_ELSEWHERE = {"backend:log", "backend:resourceUpdate", "backend:startupProgress"}  # they would crowd out the rest


@dataclass(slots=True)
class Story:
    """Collects events; times are seconds since the tool's start."""

    own: str = "watch"  # the channel name of what the tool itself does
    state: str = "STOPPED"
    health: str = "unknown"
    health_error: str = ""
    pid: int | None = None
    url: str | None = None
    crashes: int = 0
    last_crash: Mapping[str, Any] | None = None
    since: float = 0.0  # when the state last changed
    command: str = ""  # what runs, secrets masked, and where; empty while it is not known
    folder: str = ""
    progress: Mapping[str, Any] | None = None  # the last step of a start
    crashed_at: float = 0.0  # when the last crash was reported
    written: int = 0  # lines of output, also those that are not kept any more
    # Time, CPU in % of one core, and memory in bytes, of the current run and those before
    samples: deque[tuple[float, float, int]] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    # When which state, or health, began
    moves: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "STOPPED")], maxlen=KEPT_MOVES))
    healths: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "unknown")], maxlen=KEPT_MOVES))
    # Stream and text, which may hold anything
    output: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    # What is neither output nor a figure nor a step of a start
    events: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    checks: Sequence[Check] | None = None  # the diagnosis that was requested last
    missing: int = 0  # lines of output that the sidecar had to drop

    def take(self, at: float, channel: str, payload: Any) -> Line:
        """Adds an event of the sidecar; returns it as text."""
        self._apply(at, channel, payload)
        line = Line(at, channel, sentence(channel, payload))
        if channel not in _SHOWN_ELSEWHERE:
            self.events.append(line)
        return line

    def note(self, at: float, text: str) -> Line:
        """Adds an action of the tool itself."""
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
            case "backend:healthUpdate" if self.state == "RUNNING":  # the last one of a run comes after its end
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


@dataclass(slots=True)
class Recovery:
    """Whether the demo's backend crashed and came back; ``pid`` and ``port`` are of the process that runs, or ran last."""

    pid: int | None = None
    port: int | None = None
    crashed_pid: int | None = None
    recovered_pid: int | None = None
    healthy_again: bool = False
    reported: bool = False

    def take(self, channel: str, payload: Any, story: Story) -> None:
        """One event, which ``story`` has taken already."""
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
        """The steps of a recovery that have not happened."""
        if self.crashed_pid is None:
            return ["the backend did not run and then crash"]
        missing = [] if self.reported else ["the crash was not reported"]
        if self.recovered_pid is None:
            missing.append("the backend did not run again as a new process after its crash")
        elif not self.healthy_again:
            missing.append("the backend was not healthy after its crash")
        return missing
