from __future__ import annotations

from typing import Any

import pytest

from sidecar.console.story import Recovery, Story

CRASH = {"text": "exit code 134", "attempt": 1, "attempts": 3, "nextStartIn": 0.0, "final": False}


def moved(previous: str, state: str, reason: str, pid: int | None = None) -> tuple[str, Any]:
    payload = {
        "state": state,
        "previous": previous,
        "reason": reason,
        "pid": pid,
        "port": 5005,
        "url": "http://127.0.0.1:5005",
    }
    return "backend:stateChanged", payload


def health(status: str, **more: Any) -> tuple[str, Any]:
    return "backend:healthUpdate", {"status": status, **more}


UP = [moved("STOPPED", "STARTING", "autostart"), moved("STARTING", "RUNNING", "ready", 100), health("healthy", data={})]
DOWN = [health("unhealthy", error="socket hang up"), moved("RUNNING", "BACKOFF", "crashed"), ("backend:crash", CRASH)]
AGAIN = [
    moved("BACKOFF", "STARTING", "crashed"),
    moved("STARTING", "RUNNING", "ready", 101),
    health("healthy", data={}),
]


def told(*events: tuple[str, Any]) -> Recovery:
    story, recovery = Story("demo"), Recovery()
    for at, (channel, payload) in enumerate(events):
        story.take(float(at), channel, payload)
        recovery.take(channel, payload, story)
    return recovery


def test_a_crash_a_new_process_and_its_health_are_a_recovery() -> None:
    seen = told(*UP, *DOWN, *AGAIN)
    assert seen.missing() == []
    assert (seen.crashed_pid, seen.recovered_pid, seen.restarts) == (100, 101, 1)


def test_a_crash_report_that_comes_after_the_restart_is_still_a_recovery() -> None:
    assert told(*UP, *DOWN[:2], *AGAIN, DOWN[2]).missing() == []


def test_facts_outlive_the_stop() -> None:
    seen = told(
        *UP, ("backend:stateChanged", {**moved("STOPPING", "STOPPED", "shutdown")[1], "port": None, "url": None})
    )
    assert (seen.pid, seen.port, seen.url) == (100, 5005, "http://127.0.0.1:5005")


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([], "never ran and crashed"),
        (UP, "never ran and crashed"),
        ([*UP, moved("RUNNING", "STOPPING", "requested", 100)], "never ran and crashed"),
        ([*UP, *DOWN], "did not run again"),
        ([*UP, *DOWN, moved("STARTING", "RUNNING", "ready", 100), health("healthy")], "as another process"),
        ([*UP, *DOWN, *AGAIN[:2]], "not healthy"),
        ([*UP, *DOWN, *AGAIN[:2], health("unhealthy", error="503")], "not healthy"),
        ([*UP, *DOWN[:2], *AGAIN], "not reported"),
    ],
)
def test_what_a_recovery_lacks_is_named(events: list[tuple[str, Any]], what: str) -> None:
    assert what in "; ".join(told(*events).missing())


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (UP[1], "STARTING → RUNNING (ready, process 100)"),
        (DOWN[0], "unhealthy: socket hang up"),
        (DOWN[2], "exit code 134 (attempt 1 of 3, next start in 0.0 s)"),
        (
            ("backend:crash", {**CRASH, "final": True, "nextStartIn": None}),
            "exit code 134 (attempt 1 of 3, no restarts left)",
        ),
        (
            ("backend:startupProgress", {"phase": "waiting", "elapsed": 0.5, "message": "for it"}),
            "waiting after 0.50 s: for it",
        ),
        (("backend:providerUpdate", {"providers": [{"name": "local"}]}), "providers: local"),
        (("backend:providerUpdate", "no JSON"), "no JSON"),
    ],
)
def test_each_event_reads_as_a_sentence(event: tuple[str, Any], text: str) -> None:
    assert Story().take(0.0, *event).text == text
