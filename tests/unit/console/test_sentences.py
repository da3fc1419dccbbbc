from __future__ import annotations

from typing import Any

import pytest

from sidecar.console.sentences import sentence
from sidecar.plain import one_line

SAMPLE = {"time": "", "cpu": 12.4, "memory": 3 * 1024 * 1024, "processes": 1, "threads": 2}


@pytest.mark.parametrize(
    ("channel", "payload", "text"),
    [
        ("backend:log", {"stream": "stderr", "text": "a\tb"}, "stderr: a b"),
        ("backend:resourceUpdate", SAMPLE, "cpu 12 %, memory 3.0 MiB, 1 process"),
        ("backend:resourceUpdate", {**SAMPLE, "processes": 3}, "cpu 12 %, memory 3.0 MiB, 3 processes"),
        (
            "backend:resourceAlert",
            {"metric": "cpu", "value": 99.5, "limit": 80, "active": True},
            "cpu is above its limit: 99.5 of 80",
        ),
        (
            "backend:resourceAlert",
            {"metric": "memory", "value": 5, "limit": 8, "active": False},
            "memory is below its limit: 5 of 8",
        ),
        (
            "backend:exposed",
            {"sockets": [{"address": "0.0.0.0", "port": 80, "pid": 1}, {"address": "::", "port": 80, "pid": 1}]},
            "other machines can reach 0.0.0.0:80, [::]:80",
        ),
        ("backend:exposed", {"sockets": []}, "only this machine can reach it"),
    ],
)
def test_each_event_reads_as_a_sentence(channel: str, payload: Any, text: str) -> None:
    assert sentence(channel, payload) == text


@pytest.mark.parametrize(
    "payload", [None, [], {}, "text", {"state": 1}, {"sockets": 5}, {"cpu": "high", "processes": 1}]
)
@pytest.mark.parametrize(
    "channel",
    [
        "backend:stateChanged",
        "backend:healthUpdate",
        "backend:crash",
        "backend:exposed",
        "backend:resourceUpdate",
        "no",
    ],
)
def test_a_shape_that_is_unknown_is_shown_as_it_is(channel: str, payload: Any) -> None:
    assert sentence(channel, payload)


def test_nothing_reaches_a_terminal_that_it_would_obey() -> None:
    assert one_line("a\nb\x1b[31mc\x9bd\x07 ü→") == "a ⏎ b\ufffd[31mc\ufffdd\ufffd ü→"
