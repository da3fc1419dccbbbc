"""What the demo has seen so far, and what it still has to see: pure, so that it can be tested without a backend."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .sentences import Line, sentence

KEPT = 200


@dataclass(slots=True)
class Story:
    """Takes events in, and knows whether the backend crashed and came back.

    Attributes:
        pid: the process that runs, or ran last; ``port`` and ``url`` likewise.
        restarts: how often it came back by itself.
        crashed_pid: the process that crashed, once one did.
        recovered_pid: the process that runs in its stead.
        healthy_again: whether the new process was found healthy.
    """

    state: str = "STOPPED"
    health: str = "unknown"
    pid: int | None = None
    port: int | None = None
    url: str | None = None
    restarts: int = 0
    crash_text: str | None = None
    crashed_pid: int | None = None
    recovered_pid: int | None = None
    healthy_again: bool = False
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT))

    def take(self, at: float, channel: str, payload: Any) -> Line:
        """One event of the sidecar; gives back how it reads."""
        self._apply(channel, payload)
        line = Line(at, channel, sentence(channel, payload))
        self.lines.append(line)
        return line

    def note(self, at: float, text: str) -> Line:
        """Something that the demo itself did."""
        line = Line(at, "demo", text)
        self.lines.append(line)
        return line

    @property
    def ready(self) -> bool:
        """Whether the backend runs and is healthy."""
        return self.state == "RUNNING" and self.health == "healthy"

    def missing(self) -> list[str]:
        """What has not happened of what a recovery is made of; empty: it happened."""
        if self.crashed_pid is None:
            return ["the backend never ran and crashed"]
        missing = [] if self.crash_text else ["the crash was not reported"]
        if self.recovered_pid is None:
            missing.append("the backend did not run again after its crash, as another process")
        elif not self.healthy_again:
            missing.append("the backend was not healthy after its crash")
        return missing

    def _apply(self, channel: str, payload: Any) -> None:
        match channel:
            case "backend:stateChanged":
                self._move(payload)
            case "backend:healthUpdate" if self.state == "RUNNING":  # the last word on a run comes after its end
                self.health = payload["status"]
                if self.recovered_pid is not None and self.ready:
                    self.healthy_again = True
            case "backend:crash":
                self.crash_text = payload["text"]

    def _move(self, payload: Any) -> None:
        self.state = payload["state"]
        if payload["port"] is not None:
            self.port, self.url = payload["port"], payload["url"]
        if payload["previous"] == "RUNNING" and payload["reason"] == "crashed" and self.crashed_pid is None:
            self.crashed_pid = self.pid
        if self.state != "RUNNING":
            self.health = "unknown"
        else:
            self.pid = payload["pid"]
            if self.crashed_pid is not None and self.pid != self.crashed_pid:
                self.recovered_pid = self.pid
                self.restarts += 1
