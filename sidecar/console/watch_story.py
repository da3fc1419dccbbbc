"""What ``sidecar watch`` has seen so far: pure, so that it can be tested without a backend."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..wire.observe import Check
from .sentences import Line, one_line, sentence

KEPT_LINES = 500  # of the backend's output: more than any terminal is high
KEPT_EVENTS = 200
KEPT_MOVES = 1000
KEPT_SAMPLES = 400  # as wide as a terminal may be
_SEEN_ELSEWHERE = {"backend:log", "backend:resourceUpdate", "backend:startupProgress"}  # they would crowd out the rest
OWN = "watch"  # the channel name of what watch itself did


@dataclass(slots=True)
class WatchStory:
    """Takes events in.

    Attributes:
        moves: when which state began; ``healths`` likewise.
        samples: CPU in % of one core and memory in bytes, of the current run and those before.
        crashes: how many were told of.
        last_crash: the newest, with its cause and remedy.
        events: what is neither output nor a figure nor a step of a start.
        checks: the diagnosis that was asked for last, or None.
        missing: lines of output that the sidecar had to drop.
    """

    state: str = "STOPPED"
    health: str = "unknown"
    health_error: str = ""
    pid: int | None = None
    url: str | None = None
    crashes: int = 0
    last_crash: Mapping[str, Any] | None = None
    processes: int = 0
    cpu: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    memory: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    moves: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "STOPPED")], maxlen=KEPT_MOVES))
    healths: deque[tuple[float, str]] = field(default_factory=lambda: deque([(0.0, "unknown")], maxlen=KEPT_MOVES))
    output: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    events: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    checks: Sequence[Check] | None = None
    missing: int = 0

    def take(self, at: float, channel: str, payload: Any) -> Line:
        """One event of the sidecar; gives back how it reads."""
        self._apply(at, channel, payload)
        line = Line(at, channel, sentence(channel, payload))
        if channel not in _SEEN_ELSEWHERE:
            self.events.append(line)
        return line

    def note(self, at: float, text: str) -> Line:
        """Something that watch itself did."""
        line = Line(at, OWN, one_line(text))
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
                self.moves.append((at, self.state))
                if self.state != "RUNNING":
                    self._health(at, "unknown", "")
            case "backend:healthUpdate":
                # The last word on a run that has ended comes after its end.
                if self.state == "RUNNING":
                    self._health(at, payload["status"], payload.get("error") or "")
            case "backend:crash":
                self.crashes += 1
                self.last_crash = payload
            case "backend:resourceUpdate":
                self.cpu.append(payload["cpu"])
                self.memory.append(payload["memory"])
                self.processes = payload["processes"]
            case "backend:log":
                self.output.append((payload["stream"], one_line(payload["text"])))

    def _health(self, at: float, health: str, error: str) -> None:
        if health != self.health:
            self.healths.append((at, health))
        self.health, self.health_error = health, error
