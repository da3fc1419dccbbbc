"""A backend comes back on its fixed port, whatever its last run left there."""

from __future__ import annotations

import os
import signal
import socket
import sys

import pytest

from sidecar.process.platform.ports import reset_on_close
from tests.support.backends import CHILDREN, free_port
from tests.support.client import SidecarClient

pytestmark = pytest.mark.posix(reason="Windows lets a server listen beside connections that linger")

COMMAND = [sys.executable, str(CHILDREN / "http" / "strict.py"), "noreuse", "{port}"]


def settings(port: int) -> dict[str, object]:
    return {"backend.port": port, "backend.live_path": "/", "restart.first_delay": 0, "timeouts.health_interval": 0.2}


async def test_after_a_kill_a_backend_that_shares_its_port_with_nothing_is_back_at_once() -> None:
    port = free_port()
    async with SidecarClient(COMMAND, settings=settings(port)) as client:
        first = await client.call("backend:waitForReady")
        await client.event("backend:healthUpdate")
        os.kill(first["pid"], signal.SIGKILL)
        await client.event("backend:crash")
        again = await client.call("backend:waitForReady", {"timeout": 10})
        assert again["port"] == port
        assert again["pid"] != first["pid"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what lingers on a port")
async def test_connections_that_linger_are_named_and_waited_out() -> None:
    port = free_port()
    # Without a health check whose connection ends in the moment of the kill.
    async with SidecarClient(COMMAND, settings={**settings(port), "timeouts.health_interval": 60}) as client:
        first = await client.call("backend:waitForReady")
        await client.event("backend:healthUpdate")
        with socket.create_connection(("127.0.0.1", port)) as page:  # it does not notice the end of the backend
            page.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert page.recv(4)  # so it was accepted
            os.kill(first["pid"], signal.SIGKILL)
            progress = await client.event(
                "backend:startupProgress", where=lambda progress: "earlier program" in progress["message"]
            )
            assert progress["message"] == f"Waiting for connections of an earlier program to close on port {port}"
            reset_on_close(page, reset=True)
        again = await client.call("backend:waitForReady", {"timeout": 10})
        assert (again["port"], again["pid"] != first["pid"]) == (port, True)
