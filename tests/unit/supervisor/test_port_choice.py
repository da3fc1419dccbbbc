"""Why a run that has ended could not get its port."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from sidecar.core.events import Conflict
from sidecar.settings.model import Backend
from sidecar.supervisor.port_choice import PortChoice
from sidecar.supervisor.run import Run

NAMELESS = b"    self.socket.bind(self.server_address)\nPermissionError: [Errno 13] Permission denied\n"
NAMED = b"Error: listen EACCES: permission denied 127.0.0.1:5005\n"


@pytest.mark.parametrize(
    ("port", "state", "said", "conflict"),
    [
        (5005, "free", NAMED, Conflict.FORBIDDEN),
        (81, "forbidden", NAMELESS, Conflict.FORBIDDEN),
        (5005, "forbidden", NAMELESS, Conflict.FORBIDDEN),
        (5005, "free", NAMELESS, Conflict.FORBIDDEN if sys.platform == "win32" else None),
        (5005, "in_use", NAMED, Conflict.IN_USE),
    ],
    ids=["it says so", "below 1024", "nor may the sidecar", "the sidecar may", "taken, which Windows calls denied"],
)
def test_a_port_is_forbidden_only_where_it_is_the_runs(
    port: int, state: str, said: bytes, conflict: Conflict | None
) -> None:
    choice = PortChoice(
        Backend(), SimpleNamespace(port=None), None, lambda _port: None, lambda _port, **_how: state, None
    )
    found = choice.after(Run(1, port, 0.0), said)
    assert (found.kind if found else None) is conflict
