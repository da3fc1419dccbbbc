"""Windows refuses its socket tables; Wine does so once the service behind them has ended."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from tests.support.backends import free_port

if sys.platform != "win32":
    pytest.skip("the tables are Windows'", allow_module_level=True)

from sidecar.process.windows import sockets


@pytest.fixture(autouse=True)
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_family: int) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(sockets, "_table", refuse)


def test_a_port_is_asked_itself_whether_a_socket_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert sockets.is_listening(server.getsockname()[1])
    assert not sockets.is_listening(free_port())


def test_the_owner_of_a_socket_is_not_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert sockets.find_listeners_of([os.getpid()]) is None
        assert sockets.find_listener(server.getsockname()[1]) == []
