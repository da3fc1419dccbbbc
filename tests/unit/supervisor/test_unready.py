"""Why a run was not ready in time: one sentence for each thing that can have been seen."""

from __future__ import annotations

import msgspec
import pytest

from sidecar.process.base import ListeningSocket
from sidecar.settings.model import Backend, Settings
from sidecar.supervisor.unready import explain_unready

SETTINGS = msgspec.structs.replace(Settings(), backend=Backend(live_path="/live"))


@pytest.mark.parametrize(
    ("port", "listening", "last_answer", "cause", "remedy"),
    [
        (None, None, "", "it printed no address", "backend.reported_pattern"),
        (5005, None, "", "nothing listens on port 5005", "timeouts.startup"),
        (5005, [], "", "nothing listens on port 5005", "timeouts.startup"),
        (5005, [("::1", 5005)], "", "it listens on [::1]:5005, where nothing", "127.0.0.1"),
        (5005, [("127.0.0.1", 80)], "", "it listens on 127.0.0.1:80 and not on its port 5005", "{port}"),
        (5005, None, "Request failed with status code 404", "has no /live (status 404)", "backend.live_path"),
        (5005, None, "Request failed with status code 503", "last answer to /live was status 503", "timeouts.startup"),
        (5005, None, "timeout of 2000ms exceeded", "leaves /live without an answer", "health.probe_timeout"),
        (5005, None, "socket hang up", "is no HTTP (socket hang up)", "HTTPS"),
    ],
)
def test_the_sentence_says_what_was_seen(
    port: int | None, listening: list[tuple[str, int]] | None, last_answer: str, cause: str, remedy: str
) -> None:
    sockets = None if listening is None else [ListeningSocket(*place, 1) for place in listening]
    why = explain_unready(SETTINGS, port, sockets, last_answer)
    assert why.cause.startswith("It was not ready within timeouts.startup (60 s): ")
    assert cause in why.cause
    assert remedy in why.remedy
