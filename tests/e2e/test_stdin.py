"""The backend's stdin, with the whole sidecar: it stays open until the stop, and ends with the sidecar."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.backends import http_backend, script_backend
from tests.support.client import SidecarClient
from tests.support.processes import wait_until

# Says on what it ended; it listens, so that the sidecar takes it for ready. SIGTERM does not end it.
CODE = """
import pathlib, signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
pathlib.Path(sys.argv[2]).write_text("end of stdin")
"""


@pytest.mark.parametrize("end", ["stop", "death"])
@pytest.mark.posix(reason="on Windows the job ends the backend together with the sidecar, before it can say anything")
async def test_an_open_stdin_ends_with_the_stop_and_with_the_sidecar(tmp_path: Path, end: str) -> None:
    note = tmp_path / "note"
    backend = [*script_backend(CODE), "{port}", str(note)]
    async with SidecarClient(backend, settings={"backend.stdin": "open", "backend.live_path": ""}) as client:
        await client.call("backend:waitForReady")
        assert not note.exists()
        if end == "stop":
            stopped = await client.call("backend:stop")
            assert stopped == {"success": True}
        else:
            client.kill()
        wait_until(note.exists, what=note)


async def test_a_backend_that_does_not_read_its_stdin_is_stopped_by_the_signal() -> None:
    settings = {"backend.stdin": "open", "timeouts.shutdown_request": 0.2}
    async with SidecarClient(http_backend(), settings=settings) as client:
        await client.call("backend:waitForReady")
        assert await client.call("backend:stop") == {"success": True}
